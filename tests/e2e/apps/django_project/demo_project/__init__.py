"""A project as `startproject` makes them, with what tests ask for. PROJECT_DATA is its folder."""
