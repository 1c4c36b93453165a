mod budgets;
mod heads;
mod leaving;
mod peer;
mod sending;
mod states;
mod windows;
mod wrong;
