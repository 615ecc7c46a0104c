//! The switch for mistakes planted in tests. Without the feature `planted-bugs` every question is answered "no" at compile
//! time, and nothing of it is left in the program.

#[cfg(feature = "planted-bugs")]
macro_rules! bug {
    ($name:ident) => {
        $crate::bug::planted($crate::bug::Bug::$name)
    };
}

#[cfg(not(feature = "planted-bugs"))]
macro_rules! bug {
    ($name:ident) => {
        false
    };
}

pub(crate) use bug;
