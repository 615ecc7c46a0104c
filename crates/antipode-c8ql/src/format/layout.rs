//! Text with places where a line may break.
//!
//! A group is written on one line if that fits the width, else each of its own line breaks is taken;
//! groups within it decide for themselves. (After Oppen, *Prettyprinting* (1980).) The items are a flat
//! list with brackets, so that deep trees need no stack here.

use std::borrow::Cow;

const WIDTH: usize = 100;
const INDENT: usize = 2;

enum Item {
    Text(Cow<'static, str>),
    /// A line break, or in a group on one line a space (`true`) or nothing.
    Line(bool),
    HardLine,
    OpenGroup,
    CloseGroup,
    OpenIndent,
    CloseIndent,
}

pub(super) struct Layout {
    items: Vec<Item>,
}

impl Layout {
    pub(super) fn new() -> Layout {
        Layout { items: Vec::new() }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.items.push(Item::Text(Cow::Owned(text.to_owned())));
    }

    pub(super) fn line(&mut self, space: bool) {
        self.items.push(Item::Line(space));
    }

    /// A line break with a space, to a line that is indented more.
    pub(super) fn indented_line(&mut self) {
        self.open_indent();
        self.line(true);
        self.close_indent();
    }

    /// A line break with a space, if there is something before it to part from.
    pub(super) fn line_if(&mut self, needed: bool) {
        if needed {
            self.line(true);
        }
    }

    pub(super) fn hard_line(&mut self) {
        self.items.push(Item::HardLine);
    }

    pub(super) fn open_group(&mut self) {
        self.items.push(Item::OpenGroup);
    }

    pub(super) fn close_group(&mut self) {
        self.items.push(Item::CloseGroup);
    }

    pub(super) fn open_indent(&mut self) {
        self.items.push(Item::OpenIndent);
    }

    pub(super) fn close_indent(&mut self) {
        self.items.push(Item::CloseIndent);
    }

    pub(super) fn print(&self) -> String {
        let mut out = String::new();
        let mut column = 0;
        let mut indent = 0;
        // Whether each open group breaks its lines.
        let mut broken = vec![true];
        for (index, item) in self.items.iter().enumerate() {
            match item {
                Item::Text(text) => {
                    out.push_str(text);
                    column += text.chars().count();
                }
                Item::HardLine => new_line(&mut out, &mut column, indent),
                Item::Line(space) => {
                    if broken.last() == Some(&true) {
                        new_line(&mut out, &mut column, indent);
                    } else if *space {
                        out.push(' ');
                        column += 1;
                    }
                }
                Item::OpenGroup => {
                    let breaks = broken.last() == Some(&true) && !self.fits(index, column);
                    broken.push(breaks);
                }
                Item::CloseGroup => {
                    broken.pop();
                }
                Item::OpenIndent => indent += INDENT,
                Item::CloseIndent => indent -= INDENT,
            }
        }
        out
    }

    /// Everything on one line, whatever its width.
    pub(super) fn print_flat(&self) -> String {
        let mut out = String::new();
        for item in &self.items {
            match item {
                Item::Text(text) => out.push_str(text),
                Item::HardLine | Item::Line(true) => out.push(' '),
                _ => {}
            }
        }
        out
    }

    /// Whether the group that opens at `index` fits what is left of the line. Looks no further than the
    /// line is long.
    fn fits(&self, index: usize, mut column: usize) -> bool {
        let mut depth = 0;
        for item in &self.items[index..] {
            match item {
                Item::Text(text) => column += text.chars().count(),
                Item::Line(true) => column += 1,
                Item::HardLine => return false,
                Item::OpenGroup => depth += 1,
                Item::CloseGroup => {
                    depth -= 1;
                    if depth == 0 {
                        return column <= WIDTH;
                    }
                }
                Item::Line(false) | Item::OpenIndent | Item::CloseIndent => {}
            }
            if column > WIDTH {
                return false;
            }
        }
        column <= WIDTH
    }
}

/// Indentation stops growing here, so that deep queries do not run off to the right.
const INDENT_MAX: usize = 60;

fn new_line(out: &mut String, column: &mut usize, indent: usize) {
    while out.ends_with(' ') {
        out.pop();
    }
    *column = indent.min(INDENT_MAX);
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', *column));
}
