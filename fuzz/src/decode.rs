//! Arbitrary bytes as a picture file: there is a picture within the limits, or a reason that is safe to show; nothing
//! panics, and the memory stays bounded.
#![no_main]

#[allow(dead_code, unused_imports, reason = "the program uses more of it")]
mod picture;

use std::alloc::System;

use cap::Cap;
use libfuzzer_sys::fuzz_target;

/// The decoder's own limit, once more for its picture reduced to 8 bits a channel, and what the fuzzer itself takes. What
/// asks for more gets nothing, and the program ends: a finding.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, (2 * 512 + 200) << 20);

/// The pixels a terminal might have for it.
const ROOM: (u32, u32) = (80, 60);

/// A panic of a library is told from one of ours by who catches it: the program turns it into a reason, and libFuzzer's
/// own hook would end the process before it could.
fn let_panics_be_caught() {
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
}

fuzz_target!(init: let_panics_be_caught(), |bytes: &[u8]| {
    match picture::decode(bytes, ROOM) {
        Ok(decoded) => {
            let (width, height) = decoded.upright();
            assert!(width > 0 && height > 0);
            let resized = decoded.resized(ROOM).expect("a picture can be resized");
            assert_eq!((resized.width(), resized.height()), ROOM);
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error}"),
    }
    if let Err(error) = picture::inspect(bytes) {
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
});
