//! The queries, and a parser that separates their replies from keys typed meanwhile.

use crate::preview::fit::CellSize;

/// A kitty graphics query with one RGB pixel; the reply contains the same ID.
const KITTY: &str = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\";
/// The same with a virtual placement, supported since kitty 0.28; older versions do not reply.
const KITTY_PLACEHOLDERS: &str = "\x1b_Gi=32,s=1,v=1,a=q,U=1,t=d,f=24;AAAA\x1b\\";
/// XTVERSION: name and version.
const NAME: &str = "\x1b[>q";
/// The size of a cell in pixels.
const CELL: &str = "\x1b[16t";
/// The default background colour.
const BACKGROUND: &str = "\x1b]11;?\x1b\\";
/// XTSMGRAPHICS: the size of the largest sixel picture.
const SIXEL_SIZE: &str = "\x1b[?2;1;0S";
/// A half block (0xe2 0x96 0x84) in row 2, and CPR: where it ended. To a terminal that takes bytes for characters, the last
/// one is IND, which moves to the next row, or a second or third character. Keys that look like the reply name row 1.
const CHARSET: &str = "\x1b[2;1H▄\x1b[6n";
const AFTER_CHARACTER: &str = "2;2";
/// DA1. All terminals reply to it, and in order, so it marks the end of the replies. Attribute 4 is sixel.
const ATTRIBUTES: &str = "\x1b[c";
/// DSR, sent to the outer terminal through tmux: marks the end of its replies.
const STATUS: &str = "\x1b[5n";

/// The kind of query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Questions {
    /// Ask the outer terminal too, through tmux.
    pub passthrough: bool,
    /// Ask about the kitty protocol. Some terminals print the query.
    pub kitty: bool,
    /// Ask for the character set, by printing a character.
    pub charset: bool,
}

pub(super) fn queries(questions: Questions) -> Vec<u8> {
    let mut text = String::new();
    if questions.passthrough {
        let inner = [NAME, KITTY, KITTY_PLACEHOLDERS, CELL, STATUS].concat().replace('\x1b', "\x1b\x1b");
        text = format!("\x1bPtmux;{inner}\x1b\\");
    }
    text.push_str(NAME);
    if questions.kitty {
        text.extend([KITTY, KITTY_PLACEHOLDERS]);
    }
    if questions.charset {
        text.push_str(CHARSET);
    }
    text.extend([CELL, BACKGROUND, ATTRIBUTES]);
    text.into_bytes()
}

/// The queries for terminals with sixel. Others take XTSMGRAPHICS for a command to scroll.
pub(super) fn sixel_queries() -> Vec<u8> {
    [SIXEL_SIZE, ATTRIBUTES].concat().into_bytes()
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Replies {
    /// Names with versions, in the order of the replies. Two within tmux.
    pub names: Vec<String>,
    /// Supports the kitty graphics protocol.
    pub kitty: bool,
    /// Claims to support virtual placements.
    pub placeholders: bool,
    pub cell: Option<CellSize>,
    pub background: Option<[u8; 3]>,
    /// Decodes UTF-8, if it was asked.
    pub utf8: Option<bool>,
    pub largest_sixel: Option<(u16, u16)>,
    /// The device attributes, which end the replies to a round of queries.
    pub attributes: Option<Vec<u16>>,
    /// The rounds of queries that have ended.
    pub rounds: u8,
    /// The outer terminal has replied through tmux.
    pub status: bool,
}

/// The input received while probing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ProbeInput {
    pub replies: Replies,
    /// Keys.
    pub typed: Vec<u8>,
    /// An incomplete sequence at the end.
    pub unfinished: Vec<u8>,
}

impl ProbeInput {
    pub fn parse(received: &[u8]) -> Self {
        let mut input = Self::default();
        let mut rest = received;
        while let Some(&first) = rest.first() {
            let length = match (first, sequence(rest)) {
                (0x1b, Sequence::Incomplete) => {
                    input.unfinished = rest.to_vec();
                    break;
                }
                (0x1b, Sequence::Complete(length)) if input.replies.parse_reply(&rest[..length]) => {
                    rest = &rest[length..];
                    continue;
                }
                (0x1b, Sequence::Complete(length)) => length,
                _ => 1,
            };
            input.typed.extend_from_slice(&rest[..length]);
            rest = &rest[length..];
        }
        input
    }

    /// Returns true after the last reply.
    pub fn is_complete(&self, passthrough: bool) -> bool {
        self.replies.rounds > u8::from(self.replies.has_sixel()) && (self.replies.status || !passthrough)
    }

    /// Ends the input: an incomplete sequence is a key, unless it can only be the beginning of a reply.
    pub fn finish(mut self) -> Self {
        let replies: [&[u8]; 6] = [b"\x1bP>|", b"\x1b_G", b"\x1b]11;", b"\x1b[?", b"\x1b[6;", b"\x1b[0"];
        if !replies.iter().any(|start| self.unfinished.starts_with(start)) {
            self.typed.append(&mut self.unfinished);
        }
        self
    }
}

/// A sequence that begins with an escape byte.
enum Sequence {
    /// With its length in bytes.
    Complete(usize),
    Incomplete,
}

/// Finds the end of the sequence at the start of `bytes` (ECMA-48, 5.4 and 5.6).
fn sequence(bytes: &[u8]) -> Sequence {
    /// Longer than any reply. A key such as Alt-P looks like the beginning of a string.
    const MAX_STRING: usize = 256;
    match bytes.get(1) {
        None => Sequence::Incomplete,
        Some(b'[') => match bytes[2..].iter().position(|byte| !(0x20..=0x3f).contains(byte)) {
            Some(end) if (0x40..=0x7e).contains(&bytes[end + 2]) => Sequence::Complete(end + 3),
            // Malformed, or another sequence begins.
            Some(end) => Sequence::Complete(end + 2),
            None => Sequence::Incomplete,
        },
        Some(b'P' | b'_' | b']') => {
            // Also a string that ends later is none, so that more input does not change what was parsed.
            let end =
                (2..bytes.len().min(MAX_STRING)).find(|&at| bytes[at] == 0x07 || bytes[at..].starts_with(b"\x1b\\"));
            match end {
                Some(end) if bytes[end] == 0x07 => Sequence::Complete(end + 1),
                Some(end) => Sequence::Complete(end + 2),
                None if bytes.len() > MAX_STRING => Sequence::Complete(2),
                None => Sequence::Incomplete,
            }
        }
        // Alt and a key. The second of two escapes may begin a reply.
        Some(0x1b) => Sequence::Complete(1),
        Some(_) => Sequence::Complete(2),
    }
}

impl Replies {
    /// Returns true if the device attributes name sixel.
    pub fn has_sixel(&self) -> bool {
        const SIXEL: u16 = 4;
        self.attributes.as_ref().is_some_and(|attributes| attributes.contains(&SIXEL))
    }

    /// Parses one sequence. Returns false if it is not a reply to one of the queries.
    fn parse_reply(&mut self, sequence: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(&sequence[1..]) else { return false };
        if let Some(body) = text.strip_prefix("P>|") {
            let name: String = string_body(body).chars().filter(|c| !c.is_control()).take(64).collect();
            self.names.push(name);
        } else if let Some(body) = text.strip_prefix("_G") {
            match string_body(body).split_once(';') {
                Some((keys, "OK")) if keys.split(',').any(|key| key == "i=31") => self.kitty = true,
                Some((keys, "OK")) if keys.split(',').any(|key| key == "i=32") => self.placeholders = true,
                // Refusals are replies too.
                _ => {}
            }
        } else if let Some(body) = text.strip_prefix("]11;") {
            self.background = colour(string_body(body));
        } else if let Some(body) = text.strip_prefix('[') {
            return self.parse_control(body);
        } else {
            return false;
        }
        true
    }

    fn parse_control(&mut self, body: &str) -> bool {
        let Some((parameters, kind)) = body.split_at_checked(body.len().wrapping_sub(1)) else { return false };
        match (kind, parameters.strip_prefix('?')) {
            ("c", Some(attributes)) => {
                self.attributes = Some(attributes.split(';').filter_map(|number| number.parse().ok()).collect());
                self.rounds = self.rounds.saturating_add(1);
            }
            ("S", Some(parameters)) => {
                let numbers: Vec<u16> = parameters.split(';').filter_map(|number| number.parse().ok()).collect();
                if let [2, 0, width, height] = numbers[..]
                    && width > 0
                    && height > 0
                {
                    self.largest_sixel = Some((width, height));
                }
            }
            ("R", None) => {
                if parameters.is_empty() || parameters.starts_with("1;") {
                    return false;
                }
                self.utf8 = Some(parameters == AFTER_CHARACTER);
            }
            ("n", None) if parameters == "0" => self.status = true,
            ("t", None) => {
                let numbers: Vec<u16> = parameters.split(';').filter_map(|number| number.parse().ok()).collect();
                let [6, height, width] = numbers[..] else { return false };
                self.cell = CellSize::new(width, height);
            }
            _ => return false,
        }
        true
    }
}

fn string_body(text: &str) -> &str {
    text.trim_end_matches("\x1b\\").trim_end_matches('\x07')
}

/// Parses an X11 colour, `rgb:RRRR/GGGG/BBBB` with one to four digits per channel.
fn colour(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix("rgb:").or_else(|| text.strip_prefix("rgba:"))?;
    let mut channels = digits.split('/').map(|digits| {
        let max = match digits.len() {
            1 => 0xf,
            2 => 0xff,
            3 => 0xfff,
            4 => 0xffff,
            _ => return None,
        };
        let value = u32::from_str_radix(digits, 16).ok()?;
        u8::try_from(value * 255 / max).ok()
    });
    Some([channels.next()??, channels.next()??, channels.next()??])
}
