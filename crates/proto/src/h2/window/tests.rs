use super::*;

#[test]
fn what_may_be_sent_can_be_less_than_nothing() {
    let mut window = Sending::new(10);
    window.spend(8);
    assert!(window.grow(-9));
    assert_eq!(window.left(), 0);
    assert!(window.grow(7));
    assert_eq!(window.left(), 0);
    assert!(window.grow(1));
    assert_eq!(window.left(), 1);
}

#[test]
fn it_may_be_full_but_no_fuller() {
    let mut window = Sending::new(0x7fff_ffff);
    assert_eq!(window.left(), 0x7fff_ffff);
    assert!(!window.grow(1));
    let mut window = Sending::new(0);
    assert!(window.grow(MOST));
    assert!(!window.grow(1));
}

#[test]
fn half_of_what_may_come_is_given_back_at_a_time() {
    let mut window = Receiving::new(100, 100);
    assert!(window.take(100));
    assert!(!window.take(1), "nothing is left");
    let mut window = Receiving::new(100, 100);
    assert!(window.take(60));
    assert_eq!(window.give_back(49), None);
    assert_eq!(window.give_back(0), None);
    assert_eq!(window.give_back(1), Some(50));
    assert_eq!(window.give_back(10), None);
    assert!(window.take(90), "100 less 60 and 50 more");
    assert!(!window.take(1));
}

#[test]
fn a_window_of_one_byte_moves() {
    let mut window = Receiving::new(1, 1);
    assert_eq!(window.give_back(0), None);
    for _ in 0..3 {
        assert!(window.take(1));
        assert_eq!(window.give_back(1), Some(1));
    }
}

#[test]
fn until_the_size_is_known_to_the_peer_it_may_use_the_usual_one() {
    let mut window = Receiving::new(10, 65_535);
    assert!(window.take(15));
    window.settle(65_535);
    // 5 more than allowed: all of it and more must be given back first.
    assert_eq!(window.give_back(4), None);
    assert_eq!(window.give_back(11), Some(15));
    assert!(window.take(10));
    assert!(!window.take(1));
}
