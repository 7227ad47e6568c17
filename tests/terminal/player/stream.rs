//! What the program writes, cut into what a terminal acts on one after the other (ECMA-48, 5.4 and 5.6).

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A character to be shown.
    Shown(char),
    /// A control byte, or an escape sequence without a text of its own.
    Control(Vec<u8>),
    /// A text between a beginning (`ESC P`, `ESC _` or `ESC ]`, of which this is the second byte) and its end.
    Text(u8, Vec<u8>),
}

/// The bytes, as they come in.
#[derive(Default)]
pub struct Stream {
    bytes: Vec<u8>,
    /// How far an unfinished text was searched for its end.
    searched: usize,
}

impl Stream {
    /// More bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether a text has begun and not ended: the program is in the middle of sending a picture.
    pub fn is_amid_text(&self) -> bool {
        matches!(self.bytes[..], [0x1b, b'P' | b'_' | b']', ..])
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        self.searched = 0;
        self.bytes.drain(..length).collect()
    }

    fn text(&mut self, kind: u8) -> Option<Piece> {
        let from = self.searched.max(2);
        let ends = |at: usize| self.bytes[at] == 0x07 || self.bytes[at..].starts_with(b"\x1b\\");
        let Some(end) = (from..self.bytes.len()).find(|&at| ends(at)) else {
            // The last byte may be the first of two.
            self.searched = self.bytes.len() - 1;
            return None;
        };
        let length = if self.bytes[end] == 0x07 { end + 1 } else { end + 2 };
        let mut text = self.take(length);
        text.truncate(end);
        Some(Piece::Text(kind, text.split_off(2)))
    }
}

impl Iterator for Stream {
    type Item = Piece;

    /// The next piece that is there as a whole.
    fn next(&mut self) -> Option<Piece> {
        match *self.bytes.first()? {
            0x1b => match *self.bytes.get(1)? {
                b'[' => {
                    let end = self.bytes[2..].iter().position(|byte| (0x40..=0x7e).contains(byte))?;
                    Some(Piece::Control(self.take(end + 3)))
                }
                kind @ (b'P' | b'_' | b']') => self.text(kind),
                0x20..=0x2f => self.bytes.get(2).is_some().then(|| Piece::Control(self.take(3))),
                _ => Some(Piece::Control(self.take(2))),
            },
            0x00..=0x1f | 0x7f => Some(Piece::Control(self.take(1))),
            first => {
                let length = match first {
                    0x00..=0x7f => 1,
                    0xc0..=0xdf => 2,
                    0xe0..=0xef => 3,
                    _ => 4,
                };
                if self.bytes.len() < length {
                    return None;
                }
                let bytes = self.take(length);
                let text = String::from_utf8(bytes).expect("the program writes UTF-8");
                text.chars().next().map(Piece::Shown)
            }
        }
    }
}

#[test]
fn pieces_are_the_same_however_the_bytes_come_in() {
    let written = "a한\x1b[2J\x1b7\x1bPq#0~\x1b\\\r\x1b]0;title\x07\x1b_Ga=q;AAAA\x1b\\\x1b(Bz".as_bytes();
    let mut whole = Stream::default();
    whole.push(written);
    let whole: Vec<Piece> = whole.collect();
    assert_eq!(whole.len(), 10);
    assert_eq!(whole[4], Piece::Text(b'P', b"q#0~".to_vec()));
    let (mut stream, mut pieces) = (Stream::default(), Vec::new());
    for byte in written {
        stream.push(&[*byte]);
        pieces.extend(&mut stream);
    }
    assert_eq!(pieces, whole);
}
