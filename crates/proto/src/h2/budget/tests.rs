use super::*;

/// How often something may happen.
fn count(mut each: impl FnMut() -> Result<(), Reject>) -> (u32, Reject) {
    for times in 0.. {
        if let Err(reject) = each() {
            return (times, reject);
        }
    }
    unreachable!("something ends it")
}

#[test]
fn each_second_has_its_budget() {
    let mut budget = Budget::default();
    for second in [0, 1, 2, 1] {
        budget.at(second);
        assert_eq!(count(|| budget.ping()), (PINGS, Reject::TooManyPings));
        assert_eq!(
            count(|| budget.empty()),
            (EMPTY, Reject::TooManyEmptyFrames)
        );
        assert_eq!(count(|| budget.idle()), (IDLE, Reject::TooManyIdleFrames));
        assert_eq!(
            count(|| budget.update()),
            (UPDATES, Reject::TooManyWindowUpdates)
        );
        budget.at(second);
        assert_eq!(budget.ping(), Err(Reject::TooManyPings));
    }
}

#[test]
fn resets_are_earned_back_by_streams_and_not_by_time() {
    let mut budget = Budget::default();
    assert_eq!(count(|| budget.reset(50)), (100, Reject::TooManyResets));
    budget.at(7);
    assert_eq!(budget.reset(50), Err(Reject::TooManyResets));
    for _ in 0..12 {
        budget.finished();
    }
    assert_eq!(
        count(|| budget.reset(50)),
        (10, Reject::TooManyResets),
        "two were too many"
    );
}

#[test]
fn data_pay_for_the_frames_about_them() {
    let mut budget = Budget::default();
    for _ in 0..10 * UPDATES {
        budget.sent(EARNS);
        assert_eq!(budget.update(), Ok(()));
        assert_eq!(budget.update(), Ok(()));
        assert_eq!(budget.ping(), Ok(()));
    }
    let dribble = || {
        budget.sent(1);
        budget.update()
    };
    assert_eq!(count(dribble).1, Reject::TooManyWindowUpdates);
}

#[test]
fn a_header_block_comes_in_a_few_pieces() {
    assert_eq!(continuations(144, 131_072), Ok(()));
    assert_eq!(
        continuations(145, 131_072),
        Err(Reject::TooManyContinuations)
    );
    assert_eq!(continuations(16, 0), Ok(()));
    assert_eq!(continuations(17, 0), Err(Reject::TooManyContinuations));
}
