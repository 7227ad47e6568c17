//! Pictures laid over the text, in terminals that have the kitty protocol but not its placeholder characters: kitty
//! before 0.28, and Konsole. What is on the screen is put right after each frame.
//!
//! <https://sw.kovidgoyal.net/kitty/graphics-protocol/>

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::DynamicImage;
use ratatui::layout::Rect;

use crate::preview::encode::Preview;

/// The most letters of base64 in one sequence, by the protocol.
const CHUNK: usize = 4096;

/// A picture's pixels, ready to be sent.
pub struct Payload {
    size: (u32, u32),
    /// The first chunk, and whether others follow.
    first: (String, bool),
    /// The sequences after the first.
    rest: String,
}

impl Payload {
    pub fn new(picture: &DynamicImage) -> Self {
        let text = STANDARD.encode(picture.to_rgb8().as_raw());
        let (first, mut left) = text.split_at(text.len().min(CHUNK));
        let mut rest = String::with_capacity(left.len() + left.len() / CHUNK * 16 + 16);
        while !left.is_empty() {
            let (chunk, after) = left.split_at(left.len().min(CHUNK));
            let more = u8::from(!after.is_empty());
            // Writing into a string cannot fail.
            let _ = write!(rest, "\x1b_Gm={more},q=2;{chunk}\x1b\\");
            left = after;
        }
        Self { size: (picture.width(), picture.height()), first: (first.to_owned(), !rest.is_empty()), rest }
    }

    pub fn bytes(&self) -> usize {
        self.first.0.len() + self.rest.len()
    }

    /// Sends the picture and lays it over some cells. The cursor stays where it is.
    fn send(&self, id: u32, place: Rect, out: &mut String) {
        let (width, height) = self.size;
        let (chunk, more) = (&self.first.0, u8::from(self.first.1));
        go_to(place, out);
        let _ = write!(
            out,
            "\x1b_Ga=T,t=d,f=24,s={width},v={height},i={id},p=1,c={},r={},C=1,q=2,m={more};{chunk}\x1b\\{}\x1b8",
            place.width, place.height, self.rest
        );
    }
}

/// Saves the cursor's place and goes to the first cell of another.
fn go_to(place: Rect, out: &mut String) {
    let _ = write!(out, "\x1b7\x1b[{};{}H", place.y + 1, place.x + 1);
}

/// A picture that a frame wants on the screen.
pub struct Want {
    pub preview: Preview,
    pub place: Rect,
    /// Nothing covers it. A picture lies over whatever is written there, pop-ups included.
    pub open: bool,
}

/// A picture the terminal has.
struct Placement {
    id: u32,
    preview: Preview,
    place: Rect,
    shown: bool,
}

/// What the terminal shows, as far as it was told.
pub struct Placements {
    first_id: u32,
    there: Vec<Placement>,
}

impl Placements {
    pub fn new(first_id: u32) -> Self {
        Self { first_id, there: Vec::new() }
    }

    /// What brings the terminal from what it shows to what is wanted.
    pub fn follow(&mut self, wanted: &[Want], out: &mut String) {
        let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.there)
            .into_iter()
            .partition(|there| wanted.iter().any(|want| want.preview == there.preview && want.place == there.place));
        self.there = kept;
        for want in wanted {
            match self.there.iter_mut().find(|there| there.preview == want.preview && there.place == want.place) {
                Some(there) if there.shown == want.open => {}
                Some(there) if want.open => {
                    go_to(there.place, out);
                    let (id, Rect { width, height, .. }) = (there.id, there.place);
                    let _ = write!(out, "\x1b_Ga=p,i={id},p=1,c={width},r={height},C=1,q=2\x1b\\\x1b8");
                    there.shown = true;
                }
                Some(there) => {
                    let _ = write!(out, "\x1b_Ga=d,d=i,i={},q=2\x1b\\", there.id);
                    there.shown = false;
                }
                None if want.open => self.send(want, &gone, out),
                None => {}
            }
        }
        // After the new ones are there: nothing flashes up between.
        delete(&gone, out);
    }

    fn send(&mut self, want: &Want, gone: &[Placement], out: &mut String) {
        let Some(payload) = want.preview.encoded().drawing.payload() else { return };
        // Konsole 22.12 never forgets a picture, but takes another one for it: few ids, few pictures.
        let in_use = |id: &u32| self.there.iter().chain(gone).any(|there| there.id == *id);
        let Some(id) = (self.first_id..=u32::MAX).find(|id| !in_use(id)) else { return };
        payload.send(id, want.place, out);
        self.there.push(Placement { id, preview: want.preview.clone(), place: want.place, shown: true });
    }

    /// Takes everything from the screen.
    pub fn clear(&mut self, out: &mut String) {
        delete(&std::mem::take(&mut self.there), out);
    }
}

/// Deletes pictures and their data.
fn delete(gone: &[Placement], out: &mut String) {
    for placement in gone {
        let _ = write!(out, "\x1b_Ga=d,d=I,i={},q=2\x1b\\", placement.id);
    }
}
