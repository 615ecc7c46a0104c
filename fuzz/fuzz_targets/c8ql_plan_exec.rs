//! Meaning, plan and execution of any bytes on a small database: the target of `crates/antipode-query/tests/fuzz.rs`.
#![no_main]

#[path = "../../crates/antipode-query/tests/support/execute_anything.rs"]
mod execute_anything;
#[path = "../../crates/antipode-query/tests/support/memory.rs"]
mod memory;

use execute_anything::{execute_anything, small_database};

thread_local! {
    static DATABASE: memory::Database = small_database();
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    DATABASE.with(|database| execute_anything(database, bytes));
});
