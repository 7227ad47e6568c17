//! Pictures laid over the text, for terminals that support the kitty protocol without its placeholder characters: kitty
//! before 0.28, and Konsole. The screen is updated after each frame.
//!
//! <https://sw.kovidgoyal.net/kitty/graphics-protocol/>

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::DynamicImage;
use ratatui::layout::Rect;

use crate::preview::encode::Preview;

/// The most base64 characters in one sequence, defined by the protocol.
const CHUNK: usize = 4096;

/// A picture encoded for transmission.
pub struct Payload {
    size: (u32, u32),
    /// The first chunk, and true if more follow.
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
            // Writing to a string cannot fail.
            let _ = write!(rest, "\x1b_Gm={more},q=2;{chunk}\x1b\\");
            left = after;
        }
        Self { size: (picture.width(), picture.height()), first: (first.to_owned(), !rest.is_empty()), rest }
    }

    pub fn bytes(&self) -> usize {
        self.first.0.len() + self.rest.len()
    }

    /// Sends the picture and shows it in `area`. Does not move the cursor.
    fn send(&self, id: u32, area: Rect, out: &mut String) {
        let (width, height) = self.size;
        let (chunk, more) = (&self.first.0, u8::from(self.first.1));
        save_cursor_and_move(area, out);
        let _ = write!(
            out,
            "\x1b_Ga=T,t=d,f=24,s={width},v={height},i={id},p=1,c={},r={},C=1,q=2,m={more};{chunk}\x1b\\{}\x1b8",
            area.width, area.height, self.rest
        );
    }
}

/// Saves the cursor position and moves to the first cell of an area.
fn save_cursor_and_move(area: Rect, out: &mut String) {
    let _ = write!(out, "\x1b7\x1b[{};{}H", area.y + 1, area.x + 1);
}

/// A picture that a frame contains.
pub struct Target {
    pub preview: Preview,
    pub area: Rect,
    /// False while a pop-up covers part of it: the picture would hide the pop-up.
    pub visible: bool,
}

/// A picture that the terminal stores.
struct Placement {
    id: u32,
    preview: Preview,
    area: Rect,
    visible: bool,
}

impl Placement {
    fn is_of(&self, target: &Target) -> bool {
        self.preview == target.preview && self.area == target.area
    }
}

/// The pictures that the terminal stores.
pub struct Overlays {
    first_id: u32,
    placements: Vec<Placement>,
}

impl Overlays {
    pub fn new(first_id: u32) -> Self {
        Self { first_id, placements: Vec::new() }
    }

    /// Writes the commands that make the terminal show `targets`.
    pub fn update(&mut self, targets: &[Target], out: &mut String) {
        let (kept, removed): (Vec<_>, Vec<_>) = std::mem::take(&mut self.placements)
            .into_iter()
            .partition(|placement| targets.iter().any(|target| placement.is_of(target)));
        self.placements = kept;
        for target in targets {
            match self.placements.iter_mut().find(|placement| placement.is_of(target)) {
                Some(placement) if placement.visible == target.visible => {}
                Some(placement) if target.visible => {
                    save_cursor_and_move(placement.area, out);
                    let (id, Rect { width, height, .. }) = (placement.id, placement.area);
                    let _ = write!(out, "\x1b_Ga=p,i={id},p=1,c={width},r={height},C=1,q=2\x1b\\\x1b8");
                    placement.visible = true;
                }
                Some(placement) => {
                    let _ = write!(out, "\x1b_Ga=d,d=i,i={},q=2\x1b\\", placement.id);
                    placement.visible = false;
                }
                None if target.visible => self.send(target, &removed, out),
                None => {}
            }
        }
        // After showing the new ones, to avoid flicker.
        delete(&removed, out);
    }

    fn send(&mut self, target: &Target, removed: &[Placement], out: &mut String) {
        let Some(payload) = target.preview.encoded().drawing.payload() else { return };
        // Reuses IDs, because Konsole 22.12 never frees a picture until its ID is reused.
        let in_use = |id: &u32| self.placements.iter().chain(removed).any(|placement| placement.id == *id);
        let Some(id) = (self.first_id..=u32::MAX).find(|id| !in_use(id)) else { return };
        payload.send(id, target.area, out);
        self.placements.push(Placement { id, preview: target.preview.clone(), area: target.area, visible: true });
    }

    pub fn clear(&mut self, out: &mut String) {
        delete(&std::mem::take(&mut self.placements), out);
    }
}

/// Deletes pictures and their data.
fn delete(placements: &[Placement], out: &mut String) {
    for placement in placements {
        let _ = write!(out, "\x1b_Ga=d,d=I,i={},q=2\x1b\\", placement.id);
    }
}
