//! Bits of integers from 0 to 2³²−1. Anything else is warning 1542 and null.

use antipode_value::Value;

use super::{CallContext, Function, pure};

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "BIT_AND",
        1,
        2,
        bit_and,
        "BIT_AND(array) or BIT_AND(a, b): bits that are set in all.\n\
         - array: array of integers from 0 to 4294967295; nulls do not count\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         BIT_AND([3, 7, 63]) // 3",
    ),
    pure(
        "BIT_OR",
        1,
        2,
        bit_or,
        "BIT_OR(array) or BIT_OR(a, b): bits that are set in any.\n\
         - array: array of integers from 0 to 4294967295; nulls do not count\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         BIT_OR(12, 10) // 14",
    ),
    pure(
        "BIT_XOR",
        1,
        2,
        bit_xor,
        "BIT_XOR(array) or BIT_XOR(a, b): bits that are set in an odd number.\n\
         - array: array of integers from 0 to 4294967295; nulls do not count\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         BIT_XOR(12, 10) // 6",
    ),
    pure(
        "BIT_NEGATE",
        2,
        2,
        bit_negate,
        "BIT_NEGATE(n, bits): the low bits of n turned around.\n\
         - n: integer, 0 to 4294967295\n\
         - bits: integer, 0 to 32\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         BIT_NEGATE(3, 4) // 12",
    ),
    pure(
        "BIT_TEST",
        2,
        2,
        bit_test,
        "BIT_TEST(n, index): whether a bit is set.\n\
         - n: integer, 0 to 4294967295\n\
         - index: integer, 0 to 31\n\
         > bool or null\n\
         ! Anything else is warning 1542 and null.\n\
         BIT_TEST(7, 3) // false",
    ),
    pure(
        "BIT_POPCOUNT",
        1,
        1,
        bit_popcount,
        "BIT_POPCOUNT(n): number of bits that are set.\n\
         - n: integer, 0 to 4294967295\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         BIT_POPCOUNT(255) // 8",
    ),
    pure(
        "BIT_SHIFT_LEFT",
        3,
        3,
        bit_shift_left,
        "BIT_SHIFT_LEFT(n, shift, bits): n shifted to the left, then its low bits.\n\
         - n: integer, 0 to 4294967295\n\
         - shift: integer, 0 to 32\n\
         - bits: integer, 0 to 32\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         BIT_SHIFT_LEFT(7, 1, 16) // 14",
    ),
    pure(
        "BIT_SHIFT_RIGHT",
        3,
        3,
        bit_shift_right,
        "BIT_SHIFT_RIGHT(n, shift, bits): n shifted to the right, then its low bits.\n\
         - n: integer, 0 to 4294967295\n\
         - shift: integer, 0 to 32\n\
         - bits: integer, 0 to 32\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         BIT_SHIFT_RIGHT(33, 1, 16) // 16",
    ),
    pure(
        "BIT_CONSTRUCT",
        1,
        1,
        bit_construct,
        "BIT_CONSTRUCT(positions): the number with these bits set.\n\
         - positions: array of integers from 0 to 31\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         BIT_CONSTRUCT([1, 2, 3]) // 14",
    ),
    pure(
        "BIT_DECONSTRUCT",
        1,
        1,
        bit_deconstruct,
        "BIT_DECONSTRUCT(n): the positions of the bits that are set.\n\
         - n: integer, 0 to 4294967295\n\
         > array or null\n\
         ! Anything else is warning 1542 and null.\n\
         BIT_DECONSTRUCT(14) // [1,2,3]",
    ),
    pure(
        "BIT_TO_STRING",
        2,
        2,
        bit_to_string,
        "BIT_TO_STRING(n, bits): the low bits of n as digits.\n\
         - n: integer, 0 to 4294967295\n\
         - bits: integer, 0 to 32\n\
         > string or null\n\
         ! Anything else is warning 1542 and null.\n\
         BIT_TO_STRING(7, 4) // \"0111\"",
    ),
    pure(
        "BIT_FROM_STRING",
        1,
        1,
        bit_from_string,
        "BIT_FROM_STRING(text): the number with these binary digits.\n\
         - text: text of up to 32 digits 0 and 1\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         BIT_FROM_STRING(\"0111\") // 7",
    ),
];

const BITS: u64 = 32;

/// The operand, as 64 bits so that shifts lose nothing.
fn operand(value: &Value) -> Option<u64> {
    value
        .as_int()
        .and_then(|int| u32::try_from(int).ok())
        .map(u64::from)
}

/// A count of bits, 0 to 32.
fn width(value: &Value) -> Option<u64> {
    operand(value).filter(|width| *width <= BITS)
}

fn low(number: u64, width: u64) -> u64 {
    number & ((1 << width) - 1)
}

/// The result, or the warning where an argument was wrong.
fn result(context: &mut CallContext<'_>, value: Option<impl Into<Value>>) -> Value {
    value.map_or_else(|| context.wrong_type(), Into::into)
}

fn combine(context: &mut CallContext<'_>, arguments: &[Value], with: fn(u64, u64) -> u64) -> Value {
    let operands: Option<Vec<u64>> = match arguments {
        [Value::Array(array)] => {
            let items = array.iter().filter(|item| !item.is_null());
            items.map(|item| operand(&item)).collect()
        }
        [_] => None,
        pair => pair.iter().map(operand).collect(),
    };
    match operands {
        Some(operands) => operands.into_iter().reduce(with).into(),
        None => context.wrong_type(),
    }
}

fn bit_and(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    combine(context, arguments, |a, b| a & b)
}

fn bit_or(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    combine(context, arguments, |a, b| a | b)
}

fn bit_xor(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    combine(context, arguments, |a, b| a ^ b)
}

fn bit_negate(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let operands = operand(&arguments[0]).zip(width(&arguments[1]));
    result(context, operands.map(|(number, width)| low(!number, width)))
}

fn bit_test(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let index = operand(&arguments[1]).filter(|index| *index < BITS);
    let operands = operand(&arguments[0]).zip(index);
    result(
        context,
        operands.map(|(number, index)| number >> index & 1 == 1),
    )
}

fn bit_popcount(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    result(context, operand(&arguments[0]).map(u64::count_ones))
}

fn shift(context: &mut CallContext<'_>, arguments: &[Value], with: fn(u64, u64) -> u64) -> Value {
    let operands = operand(&arguments[0])
        .zip(width(&arguments[1]))
        .zip(width(&arguments[2]));
    result(
        context,
        operands.map(|((number, shift), width)| low(with(number, shift), width)),
    )
}

fn bit_shift_left(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    shift(context, arguments, |number, shift| number << shift)
}

fn bit_shift_right(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    shift(context, arguments, |number, shift| number >> shift)
}

fn bit_construct(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let positions = arguments[0].as_array().map(|array| array.iter());
    let number = positions.and_then(|mut positions| {
        positions.try_fold(0_u64, |number, position| {
            let position = operand(&position).filter(|position| *position < BITS)?;
            Some(number | 1 << position)
        })
    });
    result(context, number)
}

fn bit_deconstruct(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let number = operand(&arguments[0]);
    let positions = |number: u64| Value::array((0..BITS).filter(|bit| number >> bit & 1 == 1));
    result(context, number.map(positions))
}

fn bit_to_string(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let operands = operand(&arguments[0]).zip(width(&arguments[1]));
    let digits = |(number, width): (u64, u64)| {
        let digits = (0..width)
            .rev()
            .map(|bit| if number >> bit & 1 == 1 { '1' } else { '0' });
        digits.collect::<String>()
    };
    result(context, operands.map(digits))
}

fn bit_from_string(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let digits = arguments[0]
        .as_str()
        .filter(|text| text.len() <= BITS as usize)
        .filter(|text| text.bytes().all(|byte| matches!(byte, b'0' | b'1')));
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 2).ok());
    result(context, number)
}
