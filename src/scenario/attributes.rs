//! Attributes of events, and the conditions on them: `amount > 100 and country in [de, fr]`.
//!
//! It knows no events, only what they hold.

use super::near::nearest;
use crate::model::{AttributeSpec, Comparison, Filter, Values};
use crate::units::{ParseError, Probability};
use std::ops::Range;

/// Shares of words may miss 100 % by this, so that thirds can be written down.
const SHARES_MISS: f64 = 1e-6;

/// `5..500` or `de 60%, us 40%`
pub(super) fn values(text: &str) -> Result<Values, ParseError> {
    if let Some((low, high)) = text.split_once("..") {
        let number = |part: &str| part.trim().parse::<f64>().ok().filter(|x| x.is_finite());
        return match (number(low), number(high)) {
            (Some(low), Some(high)) if low <= high => Ok(Values::Number(low, high)),
            (Some(_), Some(_)) => {
                Err(ParseError::new(0..text.len(), "the lower end is above the upper end"))
            }
            _ => {
                Err(ParseError::new(0..text.len(), "not a range of numbers")
                    .help("write \"5..500\""))
            }
        };
    }
    let mut words: Vec<(Probability, String)> = Vec::new();
    let mut at = 0;
    for part in text.split(',') {
        let range = at..at + part.len();
        at = range.end + 1;
        let mut pieces = part.split_whitespace();
        let (Some(word), share, None) = (pieces.next(), pieces.next(), pieces.next()) else {
            return Err(ParseError::new(range, "a word and its share are due")
                .help("write \"de 60%, us 40%\" or, for numbers, \"5..500\""));
        };
        if !is_word(word) {
            return Err(ParseError::new(range, format!("`{word}` is not a word"))
                .help("words are made of letters, digits, `_` and `-`"));
        }
        let share = match share {
            Some(share) => share.parse().map_err(|e: ParseError| ParseError { at: range, ..e })?,
            None => Probability::ONE,
        };
        words.push((share, word.to_owned()));
    }
    let sum: f64 = words.iter().map(|(share, _)| share.get()).sum();
    if (sum - 1.0).abs() > SHARES_MISS {
        let percent = (sum * 1e4).round() / 1e2;
        return Err(ParseError::new(0..text.len(), format!("the shares add up to {percent} %"))
            .help("every event has a value, so they add up to 100 %"));
    }
    Ok(Values::Word(words))
}

/// Whether it is made of letters, digits, `_` and `-`.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// The condition that `text` states on events with these attributes.
///
/// # Errors
/// If it is no condition, with `E105`, or asks for what the events do not have, with `E131`.
pub(super) fn filter(
    text: &str,
    attributes: &[AttributeSpec],
) -> Result<Filter, (&'static str, ParseError)> {
    let mut parser = Parser { text, tokens: tokens(text), at: 0, attributes };
    let filter = parser.any()?;
    match parser.peek() {
        "" => Ok(filter),
        word => Err(parser.error(format!("`{word}` is too much here"))),
    }
}

/// Words, numbers and signs with their places.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '.';
    let sign = |c: char| matches!(c, '<' | '>' | '=' | '!');
    let mut tokens: Vec<Range<usize>> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        let end = at + c.len_utf8();
        match tokens.last_mut() {
            Some(last) if last.end == at => {
                let before = text[last.clone()].chars().next_back().unwrap_or(' ');
                if (word(before) && word(c)) || (sign(before) && sign(c)) {
                    last.end = end;
                } else {
                    tokens.push(at..end);
                }
            }
            _ => tokens.push(at..end),
        }
    }
    tokens
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Range<usize>>,
    at: usize,
    attributes: &'a [AttributeSpec],
}

type Read<T> = Result<T, (&'static str, ParseError)>;

impl<'a> Parser<'a> {
    fn peek(&self) -> &'a str {
        self.tokens.get(self.at).map_or("", |range| &self.text[range.clone()])
    }

    fn place(&self) -> Range<usize> {
        let last = self.tokens.last().cloned().unwrap_or(0..self.text.len());
        self.tokens.get(self.at).cloned().unwrap_or(last)
    }

    fn error(&self, message: impl Into<String>) -> (&'static str, ParseError) {
        let help = "write \"amount > 100 and country in [de, fr]\"";
        ("E105", ParseError::new(self.place(), message).help(help))
    }

    fn eat(&mut self, word: &str) -> bool {
        let eaten = self.peek() == word;
        self.at += usize::from(eaten);
        eaten
    }

    /// `a or b`
    fn any(&mut self) -> Read<Filter> {
        let mut filter = self.all()?;
        while self.eat("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.all()?));
        }
        Ok(filter)
    }

    /// `a and b`
    fn all(&mut self) -> Read<Filter> {
        let mut filter = self.not()?;
        while self.eat("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.not()?));
        }
        Ok(filter)
    }

    fn not(&mut self) -> Read<Filter> {
        if self.eat("not") {
            return Ok(Filter::Not(Box::new(self.not()?)));
        }
        if !self.eat("(") {
            return self.test();
        }
        let filter = self.any()?;
        if self.eat(")") { Ok(filter) } else { Err(self.error("`)` is missing")) }
    }

    fn test(&mut self) -> Read<Filter> {
        let name = self.peek();
        if !is_word(name) {
            return Err(self.error("the name of an attribute is due"));
        }
        let Some(index) = self.attributes.iter().position(|a| a.name == name) else {
            return Err(("E131", self.unknown(name)));
        };
        self.at += 1;
        let negated = self.eat("not");
        if self.eat("in") {
            let filter = self.list(index as u32)?;
            return Ok(if negated { Filter::Not(Box::new(filter)) } else { filter });
        }
        let comparison = match self.peek() {
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            "=" | "==" => Comparison::Equal,
            "!=" => Comparison::Differs,
            ">=" => Comparison::AtLeast,
            ">" => Comparison::More,
            _ => return Err(self.error("a comparison is due: < <= = != >= > or in [..]")),
        };
        self.at += 1;
        self.value(index as u32, comparison)
    }

    fn unknown(&self, name: &str) -> ParseError {
        let known: Vec<&str> = self.attributes.iter().map(|a| a.name.as_str()).collect();
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => {
                format!("the event has none: [event.E] attrs = {{ {name} = \"5..500\" }}")
            }
            None => format!("it has {}", known.join(", ")),
        };
        ParseError::new(self.place(), format!("the event has no attribute `{name}`")).help(help)
    }

    /// `[de, fr]`
    fn list(&mut self, index: u32) -> Read<Filter> {
        if !self.eat("[") {
            return Err(self.error("`[` is due"));
        }
        let mut filter: Option<Filter> = None;
        loop {
            let one = self.value(index, Comparison::Equal)?;
            filter = Some(match (filter, one) {
                (None, one) => one,
                (Some(Filter::OneOf(i, mut words)), Filter::OneOf(_, more)) => {
                    words.extend(more);
                    Filter::OneOf(i, words)
                }
                (Some(some), one) => Filter::Or(Box::new(some), Box::new(one)),
            });
            if !self.eat(",") {
                break;
            }
        }
        if !self.eat("]") {
            return Err(self.error("`]` is missing"));
        }
        Ok(filter.unwrap_or_default())
    }

    fn value(&mut self, index: u32, comparison: Comparison) -> Read<Filter> {
        let (text, attribute) = (self.peek(), &self.attributes[index as usize]);
        let filter = match &attribute.values {
            Values::Number(..) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Filter::Compare(index, comparison, number),
                _ => return Err(self.error("a number is due")),
            },
            Values::Word(words) => {
                let Some(word) = words.iter().position(|(_, word)| word == text) else {
                    let known = words.iter().map(|(_, word)| word.as_str());
                    let help = match nearest(text, known.clone()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("it is one of {}", known.collect::<Vec<_>>().join(", ")),
                    };
                    let message = format!("`{}` is never `{text}`", attribute.name);
                    return Err(("E131", ParseError::new(self.place(), message).help(help)));
                };
                let one = Filter::OneOf(index, vec![word as u32]);
                match comparison {
                    Comparison::Equal => one,
                    Comparison::Differs => Filter::Not(Box::new(one)),
                    _ => return Err(self.error("words are not more or less: use = or in [..]")),
                }
            }
        };
        self.at += 1;
        Ok(filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes() -> Vec<AttributeSpec> {
        [("amount", "5..500"), ("country", "de 60%, us 30%, fr 10%"), ("kind", "b2b")]
            .map(|(name, text)| AttributeSpec {
                name: name.to_owned(),
                values: values(text).unwrap(),
            })
            .to_vec()
    }

    #[test]
    fn ranges_and_words_are_read() {
        assert_eq!(values("-1..2.5"), Ok(Values::Number(-1.0, 2.5)));
        assert_eq!(values("b2b"), Ok(Values::Word(vec![(Probability::ONE, "b2b".to_owned())])));
        for wrong in ["", "5..", "9..5", "de 60%", "de 60%, us 50%", "de 60% us", "d! 100%"] {
            assert!(values(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn conditions_are_read_with_the_usual_precedence() {
        let of = |text: &str| format!("{:?}", filter(text, &attributes()).unwrap());
        assert_eq!(of("amount > 100"), "Compare(0, More, 100.0)");
        assert_eq!(of("amount>=100.5"), "Compare(0, AtLeast, 100.5)");
        assert_eq!(of("country in [de, fr]"), "OneOf(1, [0, 2])");
        assert_eq!(of("country != us"), "Not(OneOf(1, [1]))");
        assert_eq!(of("country not in [us]"), "Not(OneOf(1, [1]))");
        assert_eq!(
            of("amount < 1 or amount > 9 and not (kind = b2b)"),
            "Or(Compare(0, Less, 1.0), And(Compare(0, More, 9.0), Not(OneOf(2, [0]))))"
        );
        assert_eq!(of("amount in [5, 6]"), "Or(Compare(0, Equal, 5.0), Compare(0, Equal, 6.0))");
    }

    #[test]
    fn faults_are_pointed_at() {
        let fault = |text: &str| {
            let (code, error) = filter(text, &attributes()).unwrap_err();
            let help = error.help.unwrap_or_default();
            format!("{code} [{}] {}; {help}", &text[error.at], error.message)
        };
        let wrong = [
            "",
            "amount",
            "amount >",
            "amount > lots",
            "amont > 5",
            "size > 5",
            "country = xx",
            "country = dee",
            "country > de",
            "country in de",
            "country in [de",
            "(amount > 5",
            "amount > 5 amount",
            "amount > 5 and",
        ];
        insta::assert_snapshot!(wrong.map(fault).join("\n"));
    }
}
