//! Imports arbitrary bytes as CSV.
#![no_main]

mod import;

libfuzzer_sys::fuzz_target!(init: import::allow_caught_panics(), |bytes: &[u8]| import::import("csv", bytes));
