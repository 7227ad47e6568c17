//! Decodes arbitrary bytes: the result is a picture within the limits or an error that is safe to show. No input panics or
//! exceeds the memory limit.
#![no_main]

mod codec;
#[allow(dead_code, unused_imports, reason = "only part of the module is used here")]
mod parquet_file;
#[allow(dead_code, unused_imports, reason = "only part of the module is used here")]
mod picture;

use std::alloc::System;

use cap::Cap;
use libfuzzer_sys::fuzz_target;

/// The decoder's own limit, the same again for the conversion to 8 bits per channel, and the fuzzer's own memory. An
/// allocation beyond it fails and ends the program, which is a finding.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, (2 * 512 + 200) << 20);

const BOUNDS: (u32, u32) = (80, 60);

/// Replaces libFuzzer's panic hook, which would end the process before `decode` can catch a decoder's panic. A panic that is
/// not caught is still a finding.
fn allow_caught_panics() {
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
}

fuzz_target!(init: allow_caught_panics(), |bytes: &[u8]| {
    match picture::decode(bytes, BOUNDS) {
        Ok(decoded) => {
            let (width, height) = decoded.upright();
            assert!(width > 0 && height > 0);
            let resized = decoded.resized(BOUNDS).expect("a picture can be resized");
            assert_eq!((resized.width(), resized.height()), BOUNDS);
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error}"),
    }
    if let Err(error) = picture::inspect(bytes) {
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
});
