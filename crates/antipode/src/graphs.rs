//! Named graphs.

use antipode_engine::{GraphChange, GraphError, SchemaChange};

pub use antipode_engine::{EdgeDefinition, GraphEntry as Graph};

use crate::error::Error;
use crate::session::{Reply, Session};

impl Session {
    /// Makes a named graph. Collections that its edge definitions and `orphans` name and that do not exist yet are made
    /// with it.
    ///
    /// ```
    /// # use antipode::{Database, EdgeDefinition, Options, RequestOptions, Value};
    /// # fn main() -> Result<(), antipode::Error> {
    /// # let database = Database::in_memory(Options::default())?;
    /// # let session = database.session(RequestOptions::default());
    /// let flights = EdgeDefinition {
    ///     collection: "flights".to_owned(),
    ///     from: vec!["airports".to_owned()],
    ///     to: vec!["airports".to_owned()],
    /// };
    /// session.create_graph("network", vec![flights], vec![])?;
    /// session.run("FOR k IN ['TXL', 'LIS'] INSERT {_key: k} INTO airports", &Value::Null)?;
    /// session.run("INSERT {_from: 'airports/TXL', _to: 'airports/LIS'} INTO flights", &Value::Null)?;
    /// let answer = session.run("FOR v IN OUTBOUND 'airports/TXL' GRAPH network RETURN v._key", &Value::Null)?;
    /// assert_eq!(answer.rows, vec![Value::from("LIS")]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the name is illegal or taken, a definition is malformed or contradicts that of another graph, or a collection
    /// is of another kind.
    pub fn create_graph(
        &self,
        name: &str,
        edge_definitions: Vec<EdgeDefinition>,
        orphans: Vec<String>,
    ) -> Result<Reply<()>, Error> {
        let change = GraphChange::Create {
            edge_definitions,
            orphans,
        };
        self.change_graph(name, change)
    }

    /// Drops a named graph; with `collections` also those of its collections that no other graph has.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn drop_graph(&self, name: &str, collections: bool) -> Result<Reply<()>, Error> {
        self.change_graph(name, GraphChange::Drop { collections })
    }

    /// Changes a named graph.
    ///
    /// # Errors
    /// When there is none of that name, or the change contradicts what the graph is.
    pub fn change_graph(&self, name: &str, change: GraphChange) -> Result<Reply<()>, Error> {
        self.schema(&SchemaChange::Graph {
            fabric: self.fabric().to_owned(),
            name: name.to_owned(),
            change,
        })
    }

    /// The named graph `name`.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn graph(&self, name: &str) -> Result<Reply<Graph>, Error> {
        self.read(|transaction| {
            let graph = transaction.schema().graph(transaction.fabric(), name);
            let missing = || GraphError::NotFound {
                name: name.to_owned(),
            };
            Ok(graph.cloned().ok_or_else(missing)?)
        })
    }

    /// The named graphs of the fabric, in the order of their names.
    ///
    /// # Errors
    /// When the token is not reached.
    pub fn graphs(&self) -> Result<Reply<Vec<Graph>>, Error> {
        self.read(|transaction| {
            let graphs = transaction.schema().graphs(transaction.fabric());
            Ok(graphs.cloned().collect())
        })
    }
}
