//! INSERT INTO STREAM: a message for each row, published when the transaction commits.

use antipode_value::Value;

use super::{Batch, Input, Operator};
use crate::error::Result;
use crate::evaluate::{Run, evaluate};
use crate::plan::Publish;
use crate::source::Message;

/// INSERT INTO STREAM.
pub(super) fn publish<'a>(input: Input<'a>, node: &'a Publish) -> Input<'a> {
    Box::new(Publishing { input, node })
}

struct Publishing<'a> {
    input: Input<'a>,
    node: &'a Publish,
}

impl<'a> Operator<'a> for Publishing<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        let mut batch = self.input.pull(wanted, run)?;
        for row in batch.iter_mut() {
            run.tick()?;
            let message = message(self.node, row, run)?;
            let new = run.data()?.publish(self.node.stream.id, message)?;
            run.stats.writes_executed += 1;
            if let Some(variable) = self.node.new {
                row[variable.slot as usize] = new;
            }
        }
        Ok(batch)
    }
}

fn message<'a>(node: &'a Publish, row: &mut [Value], run: &mut Run<'a>) -> Result<Message> {
    let payload = evaluate(&node.payload, row, run)?;
    let mut optional = |expression: &'a Option<crate::expression::Expression>,
                        run: &mut Run<'a>| match expression {
        Some(expression) => evaluate(expression, row, run),
        None => Ok(Value::Null),
    };
    let mut key = optional(&node.key, run)?;
    let mut properties = optional(&node.properties, run)?;
    let mut event_time = optional(&node.event_time, run)?;
    let payload = if node.envelope {
        let or = |given: Value, name: &str| {
            if given.is_null() {
                payload.attribute(name)
            } else {
                given
            }
        };
        key = or(key, "key");
        properties = or(properties, "properties");
        event_time = or(event_time, "eventTime");
        payload.attribute("payload")
    } else {
        payload
    };
    let key = match key {
        Value::Null => None,
        key => Some(key.to_text().to_string()),
    };
    let properties = match properties {
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_text().to_string()))
            .collect(),
        _ => Vec::new(),
    };
    Ok(Message {
        key,
        properties,
        event_time: event_time.to_int(),
        payload,
    })
}
