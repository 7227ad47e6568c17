//! The text deleted by words and lines, to be inserted again with `^y`. It outlives the text field.

#[derive(Debug, Default)]
pub struct Kills {
    text: String,
    /// The last key deleted too: the texts are joined.
    continues: bool,
}

impl Kills {
    pub(super) fn add(&mut self, deleted: &str, backwards: bool) {
        if !self.continues {
            self.text.clear();
        }
        self.text.insert_str(if backwards { 0 } else { self.text.len() }, deleted);
        self.continues = true;
    }

    /// Notes that a key did not delete.
    pub(super) const fn end(&mut self) {
        self.continues = false;
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}
