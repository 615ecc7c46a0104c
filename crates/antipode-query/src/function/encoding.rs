//! Texts in other forms: JSON, digests, checksums, Base64, hexadecimal, URI, IPv4; and hashes of values.

use std::hash::Hasher;
use std::net::Ipv4Addr;

use antipode_value::{Str, Value, hash_value};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use xxhash_rust::xxh3::Xxh3;

use super::{CallContext, Function, pure};

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "JSON_PARSE",
        1,
        1,
        json_parse,
        "JSON_PARSE(text): the value that JSON text means.\n\
         - text: text\n\
         > any\n\
         ! What is no text, or no JSON, is warning 1542 and null.\n\
         JSON_PARSE(\"[1,null]\") // [1,null]",
    ),
    pure(
        "JSON_STRINGIFY",
        1,
        1,
        json_stringify,
        "JSON_STRINGIFY(value): value as compact JSON.\n\
         - value: any value\n\
         > string\n\
         ! No type is wrong.\n\
         JSON_STRINGIFY(\"a\") // \"\\\"a\\\"\"",
    ),
    pure(
        "MD5",
        1,
        1,
        md5,
        "MD5(text): digest in hexadecimal.\n\
         - text: text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         MD5(\"abc\") // \"900150983cd24fb0d6963f7d28e17f72\"",
    ),
    pure(
        "SHA1",
        1,
        1,
        sha1,
        "SHA1(text): digest in hexadecimal.\n\
         - text: text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         SHA1(\"abc\") // \"a9993e364706816aba3e25717850c26c9cd0d89d\"",
    ),
    pure(
        "SHA256",
        1,
        1,
        sha256,
        "SHA256(text): digest in hexadecimal.\n\
         - text: text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         LEFT(SHA256(\"abc\"), 16) // \"ba7816bf8f01cfea\"",
    ),
    pure(
        "SHA512",
        1,
        1,
        sha512,
        "SHA512(text): digest in hexadecimal.\n\
         - text: text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         LEFT(SHA512(\"abc\"), 16) // \"ddaf35a193617aba\"",
    ),
    pure(
        "CRC32",
        1,
        1,
        crc32,
        "CRC32(text): the checksum CRC-32C in hexadecimal.\n\
         - text: text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         CRC32(\"foobar\") // \"D5F5C7F\"",
    ),
    pure(
        "FNV64",
        1,
        1,
        fnv64,
        "FNV64(text): the hash FNV-1a in hexadecimal.\n\
         - text: text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         FNV64(\"foobar\") // \"85944171F73967E8\"",
    ),
    pure(
        "TO_BASE64",
        1,
        1,
        to_base64,
        "TO_BASE64(text): text in Base64.\n\
         - text: text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         TO_BASE64(\"antipode\") // \"YW50aXBvZGU=\"",
    ),
    pure(
        "TO_HEX",
        1,
        1,
        to_hex,
        "TO_HEX(text): the bytes of text in hexadecimal.\n\
         - text: text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         TO_HEX(\"ABC.\") // \"4142432e\"",
    ),
    pure(
        "ENCODE_URI_COMPONENT",
        1,
        1,
        encode_uri_component,
        "ENCODE_URI_COMPONENT(text): text as part of a URI.\n\
         - text: text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         ENCODE_URI_COMPONENT(\"a b/ü\") // \"a%20b%2F%C3%BC\"",
    ),
    pure(
        "IS_IPV4",
        1,
        1,
        is_ipv4,
        "IS_IPV4(value): whether value is the text of an IPv4 address.\n\
         - value: any value\n\
         > bool\n\
         ! False for whatever is no text.\n\
         IS_IPV4(\"010.0.0.1\") // false",
    ),
    pure(
        "IPV4_TO_NUMBER",
        1,
        1,
        ipv4_to_number,
        "IPV4_TO_NUMBER(text): an IPv4 address as number.\n\
         - text: text\n\
         > number or null\n\
         ! What is no address is warning 1542 and null.\n\
         IPV4_TO_NUMBER(\"127.0.0.1\") // 2130706433",
    ),
    pure(
        "IPV4_FROM_NUMBER",
        1,
        1,
        ipv4_from_number,
        "IPV4_FROM_NUMBER(number): the IPv4 address with this number.\n\
         - number: integer, 0 to 4294967295\n\
         > string or null\n\
         ! Anything else is warning 1542 and null.\n\
         IPV4_FROM_NUMBER(134744072) // \"8.8.8.8\"",
    ),
    pure(
        "HASH",
        1,
        1,
        hash,
        "HASH(value): a number that is the same for equal values. Not to be stored.\n\
         - value: any value\n\
         > number\n\
         ! No type is wrong.\n\
         HASH({a: 1, b: 2}) == HASH({b: 2, a: 1}) // true",
    ),
];

fn json_parse(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let value = arguments[0]
        .as_str()
        .and_then(|text| Value::from_json(text).ok());
    value.unwrap_or_else(|| context.wrong_type())
}

fn json_stringify(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    if !context.affords_text(&arguments[0]) {
        return Value::Null;
    }
    Value::from(arguments[0].to_json())
}

/// Bytes in lower-case hexadecimal.
fn hex(bytes: &[u8]) -> Value {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 0xF)]);
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)]);
    Value::from(digits.collect::<String>())
}

fn md5(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    hex(&Md5::digest(arguments[0].to_text().as_bytes()))
}

fn sha1(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    hex(&Sha1::digest(arguments[0].to_text().as_bytes()))
}

fn sha256(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    hex(&Sha256::digest(arguments[0].to_text().as_bytes()))
}

fn sha512(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    hex(&Sha512::digest(arguments[0].to_text().as_bytes()))
}

fn crc32(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let checksum = crc32c::crc32c(arguments[0].to_text().as_bytes());
    Value::from(format!("{checksum:X}"))
}

fn fnv64(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    let hash = arguments[0]
        .to_text()
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325, step);
    Value::from(format!("{hash:X}"))
}

fn to_base64(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = arguments[0].to_text();
    let mut out = String::with_capacity(text.len().div_ceil(3) * 4);
    for chunk in text.as_bytes().chunks(3) {
        let byte = |position: usize| u32::from(chunk.get(position).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            // One byte fills two digits, two bytes three.
            if position <= chunk.len() {
                out.push(char::from(
                    DIGITS[(bits >> (18 - 6 * position) & 0x3F) as usize],
                ));
            } else {
                out.push('=');
            }
        }
    }
    Value::from(out)
}

fn to_hex(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    hex(arguments[0].to_text().as_bytes())
}

fn encode_uri_component(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let mut out = String::new();
    for byte in arguments[0].to_text().bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Value::from(out)
}

/// The address that a text names; padding zeroes are not allowed.
fn ipv4(value: &Value) -> Option<Ipv4Addr> {
    value.as_str()?.parse().ok()
}

fn is_ipv4(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::Bool(ipv4(&arguments[0]).is_some())
}

fn ipv4_to_number(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match ipv4(&arguments[0]) {
        Some(address) => Value::from(u32::from(address)),
        None => context.wrong_type(),
    }
}

fn ipv4_from_number(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match arguments[0]
        .as_int()
        .and_then(|number| u32::try_from(number).ok())
    {
        Some(number) => Value::String(Str::from(Ipv4Addr::from(number).to_string())),
        None => context.wrong_type(),
    }
}

fn hash(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let mut hasher = Xxh3::new();
    hash_value(&arguments[0], &mut hasher);
    // 53 bits, so that every client can hold the number.
    Value::Int((hasher.finish() >> 11) as i64)
}
