//! Arithmetic, trigonometry, chance and ranges. Arguments are cast as TO_NUMBER does, silently; a result that is no
//! number is null, without a warning.

use antipode_value::{Array, Value};

use super::argument::{optional, whole};
use super::{CallContext, Function, pure, volatile};
use crate::error::Code;

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "ABS",
        1,
        1,
        abs,
        "ABS(x): absolute value.\n\
         - x: number\n\
         > number\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         ABS(-5) // 5",
    ),
    pure(
        "CEIL",
        1,
        1,
        ceil,
        "CEIL(x): the smallest integer that is not below x.\n\
         - x: number\n\
         > number\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         CEIL(2.1) // 3",
    ),
    pure(
        "FLOOR",
        1,
        1,
        floor,
        "FLOOR(x): the largest integer that is not above x.\n\
         - x: number\n\
         > number\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         FLOOR(-2.5) // -3",
    ),
    pure(
        "ROUND",
        1,
        1,
        round,
        "ROUND(x): the nearest integer; halves go up.\n\
         - x: number\n\
         > number\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         ROUND(-2.5) // -2",
    ),
    pure(
        "SQRT",
        1,
        1,
        sqrt,
        "SQRT(x): square root, null of a negative number.\n\
         - x: number\n\
         > number or null\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         SQRT(9) // 3",
    ),
    pure(
        "POW",
        2,
        2,
        pow,
        "POW(base, exponent): base to the power of exponent.\n\
         - base: number\n\
         - exponent: number\n\
         > number or null\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         POW(5, -1) // 0.2",
    ),
    pure(
        "EXP",
        1,
        1,
        exp,
        "EXP(x): e to the power of x.\n\
         - x: number\n\
         > number or null\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         EXP(1000) // null",
    ),
    pure(
        "EXP2",
        1,
        1,
        exp2,
        "EXP2(x): 2 to the power of x.\n\
         - x: number\n\
         > number or null\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         EXP2(4) // 16",
    ),
    pure(
        "LOG",
        1,
        1,
        ln,
        "LOG(x): natural logarithm, null unless x > 0.\n\
         - x: number\n\
         > number or null\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         LOG(1) // 0",
    ),
    pure(
        "LOG2",
        1,
        1,
        log2,
        "LOG2(x): logarithm to base 2.\n\
         - x: number\n\
         > number or null\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         LOG2(8) // 3",
    ),
    pure(
        "LOG10",
        1,
        1,
        log10,
        "LOG10(x): logarithm to base 10.\n\
         - x: number\n\
         > number or null\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         LOG10(1000) // 3",
    ),
    pure(
        "SIN",
        1,
        1,
        sin,
        "SIN(x): sine of radians.\n\
         - x: number\n\
         > number\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         SIN(0) // 0",
    ),
    pure(
        "COS",
        1,
        1,
        cos,
        "COS(x): cosine of radians.\n\
         - x: number\n\
         > number\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         COS(0) // 1",
    ),
    pure(
        "TAN",
        1,
        1,
        tan,
        "TAN(x): tangent of radians.\n\
         - x: number\n\
         > number\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         TAN(0) // 0",
    ),
    pure(
        "ASIN",
        1,
        1,
        asin,
        "ASIN(x): arcsine, null outside -1 to 1.\n\
         - x: number\n\
         > number or null\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         ASIN(2) // null",
    ),
    pure(
        "ACOS",
        1,
        1,
        acos,
        "ACOS(x): arccosine, null outside -1 to 1.\n\
         - x: number\n\
         > number or null\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         ACOS(1) // 0",
    ),
    pure(
        "ATAN",
        1,
        1,
        atan,
        "ATAN(x): arctangent.\n\
         - x: number\n\
         > number\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         ATAN(0) // 0",
    ),
    pure(
        "ATAN2",
        2,
        2,
        atan2,
        "ATAN2(y, x): the angle of the point (x, y).\n\
         - y: number\n\
         - x: number\n\
         > number\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         ATAN2(0, 0) // 0",
    ),
    pure(
        "DEGREES",
        1,
        1,
        degrees,
        "DEGREES(radians): the angle in degrees.\n\
         - radians: number\n\
         > number\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         DEGREES(PI()) // 180",
    ),
    pure(
        "RADIANS",
        1,
        1,
        radians,
        "RADIANS(degrees): the angle in radians.\n\
         - degrees: number\n\
         > number\n\
         ! What is no number is taken as one, as TO_NUMBER gives it; what is not finite is null. Nothing is warned of.\n\
         RADIANS(180) // 3.141592653589793",
    ),
    pure(
        "PI",
        0,
        0,
        pi,
        "PI(): 3.141592653589793.\n\
         > number\n\
         PI() // 3.141592653589793",
    ),
    volatile(
        "RAND",
        0,
        0,
        rand,
        "RAND(): a new random number between 0 and 1 at each evaluation.\n\
         > number\n\
         RAND() < 1 // true",
    ),
    volatile(
        "RANDOM",
        0,
        0,
        rand,
        "RANDOM(): the same as RAND.\n\
         > number\n\
         RANDOM() > 0 // true",
    ),
    pure(
        "RANGE",
        2,
        3,
        range,
        "RANGE(start, stop, step): the numbers from start to stop; integers without step.\n\
         - start: number\n\
         - stop: number\n\
         - step: number; may be a fraction, which start and stop may be then, too\n\
         > array or null\n\
         ! A step of 0, or away from stop, is warning 1542 and null. More than 10,000,000 elements are error 32.\n\
         RANGE(1, 4, 2) // [1,3]\n\
         RANGE(3, 1) // [3,2,1]",
    ),
];

/// Most elements of a range that is written out.
const RANGE_MAX: u64 = 10_000_000;

/// Declares functions of one number by their counterpart for doubles.
macro_rules! of_one_number {
    ($($name:ident = $compute:expr;)*) => {$(
        fn $name(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
            let compute: fn(f64) -> f64 = $compute;
            whole(compute(arguments[0].to_float()))
        }
    )*};
}

of_one_number! {
    sqrt = f64::sqrt;
    exp = f64::exp;
    exp2 = f64::exp2;
    ln = f64::ln;
    log2 = f64::log2;
    log10 = f64::log10;
    sin = f64::sin;
    cos = f64::cos;
    tan = f64::tan;
    asin = f64::asin;
    acos = f64::acos;
    atan = f64::atan;
    degrees = f64::to_degrees;
    radians = f64::to_radians;
}

/// An integer stays what it is, a double is rounded by `round`.
fn rounded(value: &Value, round: fn(f64) -> f64) -> Value {
    match value.to_number() {
        Value::Float(float) => whole(round(float)),
        int => int,
    }
}

fn ceil(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    rounded(&arguments[0], f64::ceil)
}

fn floor(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    rounded(&arguments[0], f64::floor)
}

fn round(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    rounded(&arguments[0], |float| (float + 0.5).floor())
}

fn abs(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match arguments[0].to_number() {
        Value::Int(int) => match int.checked_abs() {
            Some(abs) => Value::Int(abs),
            None => Value::float((int as f64).abs()),
        },
        other => Value::float(other.to_float().abs()),
    }
}

fn pow(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    whole(arguments[0].to_float().powf(arguments[1].to_float()))
}

fn atan2(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    whole(arguments[0].to_float().atan2(arguments[1].to_float()))
}

fn pi(_: &mut CallContext<'_>, _: &[Value]) -> Value {
    Value::Float(std::f64::consts::PI)
}

fn rand(context: &mut CallContext<'_>, _: &[Value]) -> Value {
    // 53 random bits, moved by half a step so that 0 is left out.
    let bits = context.random() >> 11;
    Value::Float((bits as f64 + 0.5) / (1_u64 << 53) as f64)
}

fn range(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let step = optional(arguments, 2);
    if step.is_null() {
        let (first, last) = (arguments[0].to_int(), arguments[1].to_int());
        if first.abs_diff(last) >= RANGE_MAX {
            return too_long(context);
        }
        return Value::Array(Array::range(first, last));
    }
    let (first, last, step) = (
        arguments[0].to_float(),
        arguments[1].to_float(),
        step.to_float(),
    );
    if step == 0.0 || (first < last && step < 0.0) || (first > last && step > 0.0) {
        return context.wrong_type();
    }
    if (last - first) / step >= RANGE_MAX as f64 {
        return too_long(context);
    }
    if !context.affords_elements(((last - first) / step) as usize) {
        return Value::Null;
    }
    let mut items = Vec::with_capacity(((last - first) / step) as usize + 1);
    let mut next = first;
    while if step > 0.0 {
        next <= last
    } else {
        next >= last
    } {
        items.push(whole(next));
        if next + step == next {
            break;
        }
        next += step;
    }
    Value::Array(Array::from_vec(items))
}

fn too_long(context: &mut CallContext<'_>) -> Value {
    let message = format!("a range of more than {RANGE_MAX} elements");
    context.raise(Code::ResourceLimit, message);
    Value::Null
}
