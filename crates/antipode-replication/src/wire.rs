//! Fields with tags, so that old and new versions understand each other: a reader skips tags that it does not know.
//!
//! ```text
//!  tag (varint) │ length (varint) │ value      repeated until the end
//! ```

use antipode_clock::codec::{CodecError, Reader, Writer};

/// Writes fields.
#[derive(Default)]
pub(crate) struct FieldWriter {
    out: Writer,
}

impl FieldWriter {
    pub(crate) fn bytes(&mut self, tag: u64, value: &[u8]) {
        self.out.varint(tag);
        self.out.bytes(value);
    }

    /// A number as a varint.
    pub(crate) fn number(&mut self, tag: u64, value: u64) {
        self.with(tag, |out| out.varint(value));
    }

    /// A number whose eight bytes are all in use, such as a hash or an id.
    pub(crate) fn fixed(&mut self, tag: u64, value: u64) {
        self.bytes(tag, &value.to_le_bytes());
    }

    pub(crate) fn text(&mut self, tag: u64, value: &str) {
        self.bytes(tag, value.as_bytes());
    }

    /// A value that writes itself.
    pub(crate) fn with(&mut self, tag: u64, write: impl FnOnce(&mut Writer)) {
        let mut value = Writer::new();
        write(&mut value);
        self.bytes(tag, value.as_slice());
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    pub(crate) fn append_to(bytes: Vec<u8>) -> Self {
        Self {
            out: Writer::append_to(bytes),
        }
    }
}

/// Fields as they were read, in their order.
pub(crate) struct Fields<'a> {
    fields: Vec<(u64, &'a [u8])>,
}

impl<'a> Fields<'a> {
    pub(crate) fn read(input: &mut Reader<'a>) -> Result<Self, CodecError> {
        let mut fields = Vec::new();
        while !input.is_empty() {
            let tag = input.varint("field tag")?;
            fields.push((tag, input.bytes("field")?));
        }
        Ok(Self { fields })
    }

    /// The last field of a tag: a later version may repeat one to refine it.
    pub(crate) fn find(&self, tag: u64) -> Option<&'a [u8]> {
        self.fields
            .iter()
            .rev()
            .find(|(found, _)| *found == tag)
            .map(|(_, value)| *value)
    }

    /// All fields of a tag.
    pub(crate) fn all(&self, tag: u64) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.fields
            .iter()
            .filter(move |(found, _)| *found == tag)
            .map(|(_, value)| *value)
    }

    pub(crate) fn need(&self, tag: u64, what: &'static str) -> Result<&'a [u8], CodecError> {
        self.find(tag).ok_or(CodecError::Invalid { at: 0, what })
    }

    pub(crate) fn number(&self, tag: u64, what: &'static str) -> Result<u64, CodecError> {
        Reader::new(self.need(tag, what)?).varint(what)
    }

    /// A number that a sender may leave out.
    pub(crate) fn number_or(&self, tag: u64, absent: u64) -> Result<u64, CodecError> {
        match self.find(tag) {
            Some(value) => Reader::new(value).varint("number"),
            None => Ok(absent),
        }
    }

    pub(crate) fn fixed(&self, tag: u64, what: &'static str) -> Result<u64, CodecError> {
        Reader::new(self.need(tag, what)?).u64_fixed(what)
    }

    pub(crate) fn text(&self, tag: u64, what: &'static str) -> Result<String, CodecError> {
        let value = self.find(tag).unwrap_or_default();
        std::str::from_utf8(value)
            .map(str::to_owned)
            .map_err(|_| CodecError::Invalid { at: 0, what })
    }

    /// A value that reads itself.
    pub(crate) fn with<T>(
        &self,
        tag: u64,
        what: &'static str,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, CodecError>,
    ) -> Result<T, CodecError> {
        read(&mut Reader::new(self.need(tag, what)?))
    }
}
