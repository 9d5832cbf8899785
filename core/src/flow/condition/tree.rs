//! The syntax tree of a condition: its questions, its names, and the stricter form in which it is evaluated.

use std::collections::BTreeSet;

use cel::{
    common::ast::{
        CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators,
    },
    parser::Expression,
};

use super::{error::ConditionError, functions::function_takes, question::PageQuestion};
use crate::flow::selector::Chain;

/// Maximum nesting of loops: a list may have hundreds of entries.
const MAX_LOOPS: usize = 2;
/// Maximum nesting of operators: people cannot read deeper conditions.
const MAX_DEPTH: usize = 40;

/// The parts of a condition.
pub(super) struct Tree {
    pub expression: Expression,
    pub questions: Vec<PageQuestion>,
    pub names: BTreeSet<String>,
}

/// Checks the tree, and rewrites it where the interpreter is more lenient than is safe here:
///
/// * a part of a value that is not an object (`fields.status.foo` where `status` is a text) is an error, not `false`;
/// * `has(a.b.c)` is false, not an error, if `a.b` is missing;
/// * questions to the page become names.
pub(super) fn prepare(expression: &Expression) -> Result<Tree, ConditionError> {
    let mut walk = Walk {
        questions: Vec::new(),
        names: BTreeSet::new(),
        bound: Vec::new(),
        loops: 0,
        depth: 0,
    };
    let expression = walk.rewrite(expression)?;
    Ok(Tree { expression, questions: walk.questions, names: walk.names })
}

/// The name that the answer to the n-th question is bound to. CEL's syntax cannot express it.
pub(super) fn answer_name(i: usize) -> String {
    format!("@answer{i}")
}

struct Walk {
    questions: Vec<PageQuestion>,
    names: BTreeSet<String>,
    /// Names that a macro binds: the `x` of `list.exists(x, …)`.
    bound: Vec<String>,
    loops: usize,
    depth: usize,
}

impl Walk {
    fn rewrite(&mut self, node: &IdedExpr) -> Result<IdedExpr, ConditionError> {
        let parts = dotted(node);
        let deep = parts.as_ref().map_or(1, Vec::len);
        self.depth += deep;
        if self.depth > MAX_DEPTH {
            return Err(ConditionError::TooLarge("at most 40 operators within each other"));
        }
        let rewritten = match parts {
            Some(parts) => {
                self.name(&parts);
                followed(&parts)
            }
            None => IdedExpr { id: node.id, expr: self.inner(node)? },
        };
        self.depth -= deep;
        Ok(rewritten)
    }

    fn inner(&mut self, node: &IdedExpr) -> Result<Expr, ConditionError> {
        Ok(match &node.expr {
            Expr::Unspecified => {
                return Err(ConditionError::Syntax("a part of it is empty".to_owned()));
            }
            Expr::Struct(_) => {
                return Err(ConditionError::Syntax(
                    "messages cannot be constructed here".to_owned(),
                ));
            }
            Expr::Literal(_) | Expr::Ident(_) => node.expr.clone(),
            Expr::Select(select) if select.test => self.test(select)?,
            Expr::Select(select) => index(self.rewrite(&select.operand)?, &select.field),
            Expr::Call(call) => self.call(call)?,
            Expr::List(list) => {
                let mut list = list.clone();
                list.elements = list
                    .elements
                    .iter()
                    .map(|element| self.rewrite(element))
                    .collect::<Result<_, _>>()?;
                Expr::List(list)
            }
            Expr::Map(map) => {
                let mut map = map.clone();
                for entry in &mut map.entries {
                    let EntryExpr::MapEntry(entry) = &mut entry.expr else {
                        return Err(ConditionError::Syntax(
                            "messages cannot be constructed here".to_owned(),
                        ));
                    };
                    entry.key = self.rewrite(&entry.key)?;
                    entry.value = self.rewrite(&entry.value)?;
                }
                Expr::Map(map)
            }
            Expr::Comprehension(comprehension) => {
                Expr::Comprehension(Box::new(self.comprehension(comprehension)?))
            }
        })
    }

    fn comprehension(
        &mut self,
        old: &ComprehensionExpr,
    ) -> Result<ComprehensionExpr, ConditionError> {
        let mut new = old.clone();
        new.iter_range = self.rewrite(&old.iter_range)?;
        new.accu_init = self.rewrite(&old.accu_init)?;
        self.loops += 1;
        if self.loops > MAX_LOOPS {
            return Err(ConditionError::TooLarge("at most two loops within each other"));
        }
        let outside = self.bound.len();
        self.bound
            .extend([&old.iter_var, &old.accu_var].into_iter().chain(&old.iter_var2).cloned());
        new.loop_cond = self.rewrite(&old.loop_cond)?;
        new.loop_step = self.rewrite(&old.loop_step)?;
        new.result = self.rewrite(&old.result)?;
        self.bound.truncate(outside);
        self.loops -= 1;
        Ok(new)
    }

    fn call(&mut self, call: &CallExpr) -> Result<Expr, ConditionError> {
        let name = call.func_name.as_str();
        if call.target.is_none() && matches!(name, "exists" | "text" | "count") {
            return self.question(name, &call.args).map(Expr::Ident);
        }
        // The interpreter takes arguments by position and panics if one is missing.
        let given = call.args.len() + usize::from(call.target.is_some());
        match function_takes(name) {
            None => return Err(ConditionError::Function { name: name.to_owned() }),
            Some(takes) if !takes.contains(&given) => {
                return Err(ConditionError::Syntax(format!(
                    "{name}() has the wrong number of arguments"
                )));
            }
            Some(_) => {}
        }
        let mut call = call.clone();
        call.target = call.target.map(|target| self.rewrite(&target).map(Box::new)).transpose()?;
        call.args = call.args.iter().map(|arg| self.rewrite(arg)).collect::<Result<_, _>>()?;
        Ok(Expr::Call(call))
    }

    fn question(&mut self, function: &str, args: &[IdedExpr]) -> Result<String, ConditionError> {
        let [IdedExpr { expr: Expr::Literal(LiteralValue::String(selector)), .. }] = args else {
            return Err(ConditionError::Argument(function.to_owned()));
        };
        let chain = Chain::parse_text(selector.inner()).map_err(ConditionError::Selector)?;
        let question = match function {
            "exists" => PageQuestion::Exists(chain),
            "text" => PageQuestion::Text(chain),
            _ => PageQuestion::Count(chain),
        };
        let place =
            self.questions.iter().position(|asked| *asked == question).unwrap_or_else(|| {
                self.questions.push(question);
                self.questions.len() - 1
            });
        Ok(answer_name(place))
    }

    /// Rewrites `has(a.b.c)` to `has(a.b) && has(a.b.c)`.
    fn test(&mut self, select: &SelectExpr) -> Result<Expr, ConditionError> {
        let test = |operand, field: &str| {
            Expr::Select(SelectExpr {
                operand: Box::new(operand),
                field: field.to_owned(),
                test: true,
            })
        };
        let Some(mut parts) = dotted(&select.operand) else {
            return Ok(test(self.rewrite(&select.operand)?, &select.field));
        };
        parts.push(select.field.clone());
        self.name(&parts);
        let tests = (1..parts.len()).map(|i| test(followed(&parts[..i]), &parts[i]));
        Ok(tests
            .reduce(|all, next| operator(operators::LOGICAL_AND, [all, next]))
            .unwrap_or_default())
    }

    fn name(&mut self, parts: &[String]) {
        if !parts.first().is_none_or(|root| self.bound.contains(root)) {
            self.names.insert(parts.join("."));
        }
    }
}

/// The parts of `a.b.c`.
fn dotted(node: &IdedExpr) -> Option<Vec<String>> {
    match &node.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) if !select.test => {
            let mut parts = dotted(&select.operand)?;
            parts.push(select.field.clone());
            Some(parts)
        }
        _ => None,
    }
}

/// Builds the strict form of a dotted name: each part is an index, which fails if the part is missing.
fn followed(parts: &[String]) -> IdedExpr {
    let root = IdedExpr { id: 0, expr: Expr::Ident(parts.first().cloned().unwrap_or_default()) };
    parts.iter().skip(1).fold(root, |operand, part| IdedExpr { id: 0, expr: index(operand, part) })
}

fn index(operand: IdedExpr, field: &str) -> Expr {
    operator(operators::INDEX, [operand.expr, Expr::Literal(LiteralValue::String(field.into()))])
}

fn operator(name: &str, args: [Expr; 2]) -> Expr {
    Expr::Call(CallExpr {
        func_name: name.to_owned(),
        target: None,
        args: args.map(|expr| IdedExpr { id: 0, expr }).to_vec(),
    })
}
