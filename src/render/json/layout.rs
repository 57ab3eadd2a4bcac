//! How the JSON is laid out: a line per field, but lists of numbers on one line. A file of series
//! is then a third as long as with a line per number, and a difference between two files still
//! shows the field that differs.

use serde_json::ser::Formatter;
use std::io::{self, Write};

/// What is being written.
#[derive(Clone, Copy, Debug)]
enum Container {
    /// A list, and whether it holds objects.
    List { objects: bool },
    /// An object, and whether it has fields.
    Object { fields: bool },
}

/// A formatter for `serde_json`.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    open: Vec<Container>,
}

impl Layout {
    /// A new line, indented for what is open.
    fn line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        for _ in &self.open {
            writer.write_all(b"  ")?;
        }
        Ok(())
    }
}

impl Formatter for Layout {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open.push(Container::List { objects: false });
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if let Some(Container::List { objects: true }) = self.open.pop() {
            self.line(writer)?;
        }
        writer.write_all(b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { w.write_all(b",") }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if let Some(Container::List { objects }) = self.open.last_mut() {
            *objects = true;
            self.line(writer)?;
        }
        self.open.push(Container::Object { fields: false });
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if let Some(Container::Object { fields: true }) = self.open.pop() {
            self.line(writer)?;
        }
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        if let Some(Container::Object { fields }) = self.open.last_mut() {
            *fields = true;
        }
        if !first {
            w.write_all(b",")?;
        }
        self.line(w)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use serde_json::{Serializer, Value};

    #[test]
    fn fields_have_lines_and_lists_of_numbers_have_one() {
        let text = r#"{"a":[1,null,0.5],"b":{},"c":[{"d":[]},{"e":"x"}],"f":[[1],[2]]}"#;
        let value: Value = serde_json::from_str(text).expect("JSON");
        let mut out = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut out, Layout::default());
        value.serialize(&mut serializer).expect("memory");
        let expected = "{
  \"a\": [1,null,0.5],
  \"b\": {},
  \"c\": [
    {
      \"d\": []
    },
    {
      \"e\": \"x\"
    }
  ],
  \"f\": [[1],[2]]
}";
        assert_eq!(String::from_utf8(out).as_deref(), Ok(expected));
    }
}
