//! From text to tokens.
//!
//! The lexer never fails: what is no token becomes an error token, and the text after it is read on.
//! So the parser, the shell's highlighting and its completion read the same tokens, also of a query
//! that is still being written. Every byte of the text belongs to a token or is white space.
//!
//! Two pairs of words are one token each, because neither word alone would tell the parser enough:
//! `NOT IN` (also `! IN`) and `AT LEAST`. Words such as `OPTIONS` or `PRUNE` are plain names here;
//! the parser knows them by their place.

use std::borrow::Cow;

use crate::ast::Span;

/// A token and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Name,
    /// In backticks or forward ticks; see [`Token::name`].
    QuotedName,
    Keyword(Keyword),
    Integer,
    Float,
    String,
    /// `@name`
    ValueBind,
    /// `@@name`
    SourceBind,
    /// `// …` or `/* … */`
    Comment,
    /// `AT LEAST`
    AtLeast,
    /// `NOT IN`
    NotIn,
    Equal,
    NotEqual,
    Matches,
    NotMatches,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// `=`
    Assign,
    /// `&&`
    DoubleAnd,
    /// `||`
    DoubleOr,
    /// `!`
    Bang,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Question,
    Colon,
    /// `::`
    DoubleColon,
    /// `..`
    Range,
    Dot,
    Comma,
    OpenParenthesis,
    CloseParenthesis,
    OpenBracket,
    CloseBracket,
    OpenBrace,
    CloseBrace,
    Error(LexicalError),
    /// Behind the last token; empty.
    End,
}

/// Why some text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexicalError {
    UnterminatedString,
    UnterminatedName,
    UnterminatedComment,
    UnexpectedCharacter,
    LeadingZero,
    BindName,
    Name,
}

impl LexicalError {
    pub fn message(self) -> &'static str {
        match self {
            LexicalError::UnterminatedString => "unterminated string",
            LexicalError::UnterminatedName => "unterminated quoted name",
            LexicalError::UnterminatedComment => "unterminated comment",
            LexicalError::UnexpectedCharacter => "unexpected character",
            LexicalError::LeadingZero => "number with a leading zero",
            LexicalError::BindName => "bind parameter without a name",
            LexicalError::Name => "name without a letter",
        }
    }

    /// Whether more text behind it could make it right.
    pub fn is_unterminated(self) -> bool {
        matches!(
            self,
            LexicalError::UnterminatedString
                | LexicalError::UnterminatedName
                | LexicalError::UnterminatedComment
        )
    }
}

macro_rules! keywords {
    ($($variant:ident $text:literal)*) => {
        /// The reserved words. As names they need quotes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Keyword { $($variant),* }

        const KEYWORDS: &[&str] = &[$($text),*];

        impl Keyword {
            /// In upper case.
            pub fn text(self) -> &'static str {
                match self { $(Keyword::$variant => $text),* }
            }

            fn from_upper(word: &str) -> Option<Keyword> {
                match word { $($text => Some(Keyword::$variant),)* _ => None }
            }
        }
    };
}

keywords! {
    Aggregate "AGGREGATE"
    All "ALL"
    AllShortestPaths "ALL_SHORTEST_PATHS"
    And "AND"
    Any "ANY"
    Asc "ASC"
    Collect "COLLECT"
    Desc "DESC"
    Distinct "DISTINCT"
    False "FALSE"
    Filter "FILTER"
    For "FOR"
    Graph "GRAPH"
    In "IN"
    Inbound "INBOUND"
    Insert "INSERT"
    Into "INTO"
    KPaths "K_PATHS"
    KShortestPaths "K_SHORTEST_PATHS"
    Let "LET"
    Like "LIKE"
    Limit "LIMIT"
    None "NONE"
    Not "NOT"
    Null "NULL"
    Or "OR"
    Outbound "OUTBOUND"
    Remove "REMOVE"
    Replace "REPLACE"
    Return "RETURN"
    ShortestPath "SHORTEST_PATH"
    Sort "SORT"
    True "TRUE"
    Update "UPDATE"
    Upsert "UPSERT"
    Window "WINDOW"
    With "WITH"
}

/// Letters of the longest keyword, `ALL_SHORTEST_PATHS`.
const KEYWORD_LENGTH_MAX: usize = 18;

impl Keyword {
    /// The keyword that a word is, whatever its case.
    pub fn of(word: &str) -> Option<Keyword> {
        let mut upper = [0; KEYWORD_LENGTH_MAX];
        let upper = upper.get_mut(..word.len())?;
        upper.copy_from_slice(word.as_bytes());
        upper.make_ascii_uppercase();
        Keyword::from_upper(std::str::from_utf8(upper).ok()?)
    }
}

/// The reserved words in upper case, sorted.
pub fn keywords() -> &'static [&'static str] {
    KEYWORDS
}

/// Words that are plain names but mean something in some places, in upper case, sorted.
pub fn contextual_words() -> &'static [&'static str] {
    &[
        "COUNT", "CURRENT", "KEEP", "NEW", "OLD", "OPTIONS", "PRUNE", "QUERY", "SEARCH", "STREAM",
        "TO",
    ]
}

/// The tokens of a text, comments included, without the [`TokenKind::End`].
pub fn tokens(text: &str) -> impl Iterator<Item = Token> + '_ {
    let mut lexer = Lexer::new(text);
    std::iter::from_fn(move || {
        let token = lexer.token();
        (token.kind != TokenKind::End).then_some(token)
    })
}

impl Token {
    /// The name that a [`TokenKind::Name`] or [`TokenKind::QuotedName`] stands for.
    pub fn name<'a>(&self, source: &'a str) -> Cow<'a, str> {
        let text = self.span.text(source);
        match self.kind {
            TokenKind::QuotedName => unescape(unquote(text)),
            _ => Cow::Borrowed(text),
        }
    }

    /// The value of a [`TokenKind::String`].
    pub fn string<'a>(&self, source: &'a str) -> Cow<'a, str> {
        unescape(unquote(self.span.text(source)))
    }

    /// The name of a [`TokenKind::ValueBind`] or [`TokenKind::SourceBind`], without its `@`.
    pub fn bind_name<'a>(&self, source: &'a str) -> &'a str {
        self.span.text(source).trim_start_matches('@')
    }
}

/// Reads one token after another.
#[derive(Clone)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, at: 0 }
    }

    /// The next token that means something to the parser.
    pub(crate) fn significant(&mut self) -> Token {
        loop {
            let token = self.token();
            if token.kind != TokenKind::Comment {
                return token;
            }
        }
    }

    pub(crate) fn token(&mut self) -> Token {
        self.skip_white_space();
        let start = self.at;
        let kind = match self.peek(0) {
            None => TokenKind::End,
            Some(byte) => self.kind(byte),
        };
        Token {
            kind,
            span: Span::new(offset(start), offset(self.at)),
        }
    }

    fn kind(&mut self, first: u8) -> TokenKind {
        match first {
            b'A'..=b'Z' | b'a'..=b'z' => self.word(),
            b'0'..=b'9' => self.number(),
            b'"' | b'\'' => self.quoted(
                &[first],
                TokenKind::String,
                LexicalError::UnterminatedString,
            ),
            b'`' => self.quoted(b"`", TokenKind::QuotedName, LexicalError::UnterminatedName),
            b'@' => self.bind(),
            b'_' | b'$' => self.marked_name(),
            b'/' if self.peek(1) == Some(b'/') => self.line_comment(),
            b'/' if self.peek(1) == Some(b'*') => self.block_comment(),
            b'.' if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) => self.fraction(),
            b'!' => self.bang(),
            _ => self.sign(first),
        }
    }

    fn sign(&mut self, first: u8) -> TokenKind {
        let (kind, length) = match (first, self.peek(1)) {
            (b'=', Some(b'=')) => (TokenKind::Equal, 2),
            (b'=', Some(b'~')) => (TokenKind::Matches, 2),
            (b'=', _) => (TokenKind::Assign, 1),
            (b'<', Some(b'=')) => (TokenKind::LessEqual, 2),
            (b'<', _) => (TokenKind::Less, 1),
            (b'>', Some(b'=')) => (TokenKind::GreaterEqual, 2),
            (b'>', _) => (TokenKind::Greater, 1),
            (b'&', Some(b'&')) => (TokenKind::DoubleAnd, 2),
            (b'|', Some(b'|')) => (TokenKind::DoubleOr, 2),
            (b'+', _) => (TokenKind::Plus, 1),
            (b'-', _) => (TokenKind::Minus, 1),
            (b'*', _) => (TokenKind::Star, 1),
            (b'/', _) => (TokenKind::Slash, 1),
            (b'%', _) => (TokenKind::Percent, 1),
            (b'?', _) => (TokenKind::Question, 1),
            (b':', Some(b':')) => (TokenKind::DoubleColon, 2),
            (b':', _) => (TokenKind::Colon, 1),
            (b'.', Some(b'.')) => (TokenKind::Range, 2),
            (b'.', _) => (TokenKind::Dot, 1),
            (b',', _) => (TokenKind::Comma, 1),
            (b'(', _) => (TokenKind::OpenParenthesis, 1),
            (b')', _) => (TokenKind::CloseParenthesis, 1),
            (b'[', _) => (TokenKind::OpenBracket, 1),
            (b']', _) => (TokenKind::CloseBracket, 1),
            (b'{', _) => (TokenKind::OpenBrace, 1),
            (b'}', _) => (TokenKind::CloseBrace, 1),
            _ => return self.foreign_character(),
        };
        self.at += length;
        kind
    }

    /// A forward tick (U+00B4) opens a name; no other character beyond ASCII opens anything.
    fn foreign_character(&mut self) -> TokenKind {
        let Some(character) = self.text[self.at..].chars().next() else {
            return TokenKind::End;
        };
        if character == '´' {
            return self.quoted(
                "´".as_bytes(),
                TokenKind::QuotedName,
                LexicalError::UnterminatedName,
            );
        }
        self.at += character.len_utf8();
        TokenKind::Error(LexicalError::UnexpectedCharacter)
    }

    fn bang(&mut self) -> TokenKind {
        self.at += 1;
        match self.peek(0) {
            Some(b'=') => {
                self.at += 1;
                TokenKind::NotEqual
            }
            Some(b'~') => {
                self.at += 1;
                TokenKind::NotMatches
            }
            _ if self.take_second_word("IN", 0) => TokenKind::NotIn,
            _ => TokenKind::Bang,
        }
    }

    fn word(&mut self) -> TokenKind {
        let start = self.at;
        self.skip_word();
        let word = &self.text[start..self.at];
        match Keyword::of(word) {
            Some(Keyword::Not) if self.take_second_word("IN", 1) => TokenKind::NotIn,
            Some(keyword) => TokenKind::Keyword(keyword),
            None if word.eq_ignore_ascii_case("AT") && self.take_second_word("LEAST", 1) => {
                TokenKind::AtLeast
            }
            None => TokenKind::Name,
        }
    }

    /// Takes white space and then `word`, if that is what follows.
    fn take_second_word(&mut self, word: &str, white_space_min: usize) -> bool {
        let start = self.at;
        self.skip_white_space();
        let white_space = self.at - start;
        let word_start = self.at;
        self.skip_word();
        let found = white_space >= white_space_min
            && self.text[word_start..self.at].eq_ignore_ascii_case(word);
        if !found {
            self.at = start;
        }
        found
    }

    /// `_name`, `__name`, `$name`: a name is only what has a letter behind the mark.
    fn marked_name(&mut self) -> TokenKind {
        if self.peek(0) == Some(b'$') {
            self.at += 1;
        } else {
            self.skip_while(|byte| byte == b'_');
        }
        let is_name = self.peek(0).is_some_and(|byte| byte.is_ascii_alphabetic());
        self.skip_word();
        if is_name {
            TokenKind::Name
        } else {
            TokenKind::Error(LexicalError::Name)
        }
    }

    fn bind(&mut self) -> TokenKind {
        self.at += 1;
        let mut kind = TokenKind::ValueBind;
        if self.peek(0) == Some(b'@') {
            self.at += 1;
            kind = TokenKind::SourceBind;
        }
        self.skip_while(|byte| byte == b'_');
        let is_name = self
            .peek(0)
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        self.skip_word();
        if is_name {
            kind
        } else {
            TokenKind::Error(LexicalError::BindName)
        }
    }

    fn number(&mut self) -> TokenKind {
        let start = self.at;
        let radix: Option<fn(u8) -> bool> = match (self.peek(0), self.peek(1)) {
            (Some(b'0'), Some(b'b')) => Some(|byte| matches!(byte, b'0' | b'1')),
            (Some(b'0'), Some(b'x')) => Some(|byte| byte.is_ascii_hexdigit()),
            _ => None,
        };
        if let Some(is_digit) = radix
            && self.peek(2).is_some_and(is_digit)
        {
            self.at += 2;
            self.skip_while(is_digit);
            return TokenKind::Integer;
        }
        self.skip_while(|byte| byte.is_ascii_digit());
        let leading_zero = self.at > start + 1 && self.text.as_bytes()[start] == b'0';
        let mut kind = TokenKind::Integer;
        // `1..2` is a range, and `1.` no number: a point belongs to it only with a digit behind.
        if self.peek(0) == Some(b'.') && self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) {
            self.fraction();
            kind = TokenKind::Float;
        } else if self.take_exponent() {
            kind = TokenKind::Float;
        }
        if leading_zero {
            TokenKind::Error(LexicalError::LeadingZero)
        } else {
            kind
        }
    }

    /// `.5e3`: the point and what follows it.
    fn fraction(&mut self) -> TokenKind {
        self.at += 1;
        self.skip_while(|byte| byte.is_ascii_digit());
        self.take_exponent();
        TokenKind::Float
    }

    fn take_exponent(&mut self) -> bool {
        if !matches!(self.peek(0), Some(b'e' | b'E')) {
            return false;
        }
        let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
        if !self
            .peek(1 + sign)
            .is_some_and(|byte| byte.is_ascii_digit())
        {
            return false;
        }
        self.at += 1 + sign;
        self.skip_while(|byte| byte.is_ascii_digit());
        true
    }

    fn quoted(&mut self, quote: &[u8], kind: TokenKind, error: LexicalError) -> TokenKind {
        let bytes = self.text.as_bytes();
        self.at += quote.len();
        while let Some(byte) = self.peek(0) {
            if byte == b'\\' {
                // The character behind the backslash may be of several bytes; none of its later bytes
                // looks like a quote or a backslash.
                self.at = (self.at + 2).min(bytes.len());
            } else if bytes[self.at..].starts_with(quote) {
                self.at += quote.len();
                return kind;
            } else {
                self.at += 1;
            }
        }
        TokenKind::Error(error)
    }

    fn line_comment(&mut self) -> TokenKind {
        self.skip_while(|byte| byte != b'\n');
        TokenKind::Comment
    }

    fn block_comment(&mut self) -> TokenKind {
        match self.text[self.at + 2..].find("*/") {
            Some(length) => {
                self.at += 2 + length + 2;
                TokenKind::Comment
            }
            None => {
                self.at = self.text.len();
                TokenKind::Error(LexicalError::UnterminatedComment)
            }
        }
    }

    fn skip_white_space(&mut self) {
        self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    }

    fn skip_word(&mut self) {
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    }

    fn skip_while(&mut self, is_wanted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&is_wanted) {
            self.at += 1;
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }
}

/// Texts are shorter than 4 GiB: the parser's limit sees to that, and a longer one would only be
/// coloured wrongly.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// What is between the quotes.
fn unquote(text: &str) -> &str {
    let mut characters = text.chars();
    characters.next();
    characters.next_back();
    characters.as_str()
}

/// Decodes backslash escapes.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(backslash) = rest.find('\\') {
        out.push_str(&rest[..backslash]);
        rest = &rest[backslash + 1..];
        let Some(character) = rest.chars().next() else {
            break;
        };
        rest = &rest[character.len_utf8()..];
        match character {
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => rest = unescape_unicode(rest, &mut out),
            other => out.push(other),
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Decodes what follows `\u`, and the second half if it is the first of a pair; returns what is left.
/// Without four digits the `u` stands for itself; half a pair alone becomes U+FFFD, since no text can
/// hold it.
fn unescape_unicode<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let Some(unit) = code_unit(rest) else {
        out.push('u');
        return rest;
    };
    let after = &rest[4..];
    if let Some(character) = char::from_u32(unit) {
        out.push(character);
        return after;
    }
    if let Some(second) = after.strip_prefix("\\u").and_then(code_unit)
        && (0xD800..0xDC00).contains(&unit)
        && (0xDC00..0xE000).contains(&second)
        && let Some(character) =
            char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00))
    {
        out.push(character);
        return &after[6..];
    }
    out.push(char::REPLACEMENT_CHARACTER);
    after
}

fn code_unit(text: &str) -> Option<u32> {
    let digits = text.get(..4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(TokenKind, &str)]) {
        let found: Vec<(TokenKind, &str)> = tokens(text)
            .map(|token| (token.kind, token.span.text(text)))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn numbers_and_points() {
        use TokenKind::*;
        check("1..5", &[(Integer, "1"), (Range, ".."), (Integer, "5")]);
        check("1.5..5", &[(Float, "1.5"), (Range, ".."), (Integer, "5")]);
        check("1...5", &[(Integer, "1"), (Range, ".."), (Float, ".5")]);
        check("1.a", &[(Integer, "1"), (Dot, "."), (Name, "a")]);
        check(
            "1e3 1e+3 1e",
            &[(Float, "1e3"), (Float, "1e+3"), (Integer, "1"), (Name, "e")],
        );
        check(
            "0xfG 0b12",
            &[
                (Integer, "0xf"),
                (Name, "G"),
                (Integer, "0b1"),
                (Integer, "2"),
            ],
        );
        check("01", &[(Error(LexicalError::LeadingZero), "01")]);
        check("0.5 0", &[(Float, "0.5"), (Integer, "0")]);
    }

    #[test]
    fn words_that_are_one_token() {
        use TokenKind::*;
        check("not\n in", &[(NotIn, "not\n in")]);
        check("!IN", &[(NotIn, "!IN")]);
        check("!inner", &[(Bang, "!"), (Name, "inner")]);
        check(
            "NOT inner",
            &[(Keyword(super::Keyword::Not), "NOT"), (Name, "inner")],
        );
        check(
            "at least(1)",
            &[
                (AtLeast, "at least"),
                (OpenParenthesis, "("),
                (Integer, "1"),
                (CloseParenthesis, ")"),
            ],
        );
        check("at leastwise", &[(Name, "at"), (Name, "leastwise")]);
        check("atleast", &[(Name, "atleast")]);
    }

    #[test]
    fn names_and_binds() {
        use TokenKind::*;
        check(
            "$x __a1 _id",
            &[(Name, "$x"), (Name, "__a1"), (Name, "_id")],
        );
        check(
            "_1 $",
            &[
                (Error(LexicalError::Name), "_1"),
                (Error(LexicalError::Name), "$"),
            ],
        );
        check(
            "@a @@b @1 @_1",
            &[
                (ValueBind, "@a"),
                (SourceBind, "@@b"),
                (ValueBind, "@1"),
                (ValueBind, "@_1"),
            ],
        );
        check("@_", &[(Error(LexicalError::BindName), "@_")]);
        check(
            "`a\\`b` ´c d´",
            &[(QuotedName, "`a\\`b`"), (QuotedName, "´c d´")],
        );
    }

    #[test]
    fn errors_do_not_stop_it() {
        use TokenKind::*;
        check(
            "a ; é 'x",
            &[
                (Name, "a"),
                (Error(LexicalError::UnexpectedCharacter), ";"),
                (Error(LexicalError::UnexpectedCharacter), "é"),
                (Error(LexicalError::UnterminatedString), "'x"),
            ],
        );
        check(
            "1 // x\n2 /* y",
            &[
                (Integer, "1"),
                (Comment, "// x"),
                (Integer, "2"),
                (Error(LexicalError::UnterminatedComment), "/* y"),
            ],
        );
        check("'\\", &[(Error(LexicalError::UnterminatedString), "'\\")]);
        check("'\\é", &[(Error(LexicalError::UnterminatedString), "'\\é")]);
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(r#"a\n\"\/\q\u0041\uZ"#), "a\n\"/qAuZ");
        assert_eq!(unescape(r"\ud83d\ude00"), "😀");
        assert_eq!(unescape(r"\ud83d\ud83d\ude00!"), "\u{fffd}😀!");
        assert_eq!(unescape(r"\ude00"), "\u{fffd}");
        assert_eq!(unescape(r"\u12é4"), "u12é4");
    }

    #[test]
    fn keywords_are_found_in_any_case() {
        for keyword in keywords() {
            assert_eq!(Keyword::of(keyword).map(Keyword::text), Some(*keyword));
            assert_eq!(
                Keyword::of(&keyword.to_lowercase()).map(Keyword::text),
                Some(*keyword)
            );
        }
        assert!(keywords().is_sorted() && contextual_words().is_sorted());
        assert_eq!(
            keywords().iter().map(|word| word.len()).max(),
            Some(KEYWORD_LENGTH_MAX)
        );
    }
}
