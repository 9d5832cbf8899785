//! Whether a condition can hold only because the page shows something.
//!
//! A page that is late, empty or looks different lacks everything that a flow looks for. A condition that also holds for such a page
//! (`!exists(…)`, `count(…) == 0`, `!has(…)`, `text(…) == ''`) does not prove that the portal has answered.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};

/// Whether `condition` can only have the value `outcome` because something is there: an element, a text, an extracted field.
pub(super) fn is_sign(condition: &IdedExpr, outcome: bool) -> bool {
    match &condition.expr {
        // A constant with the other value never has this outcome, so the rest of the condition decides.
        Expr::Literal(LiteralValue::Boolean(constant)) => **constant != outcome,
        Expr::Select(select) if select.test => outcome && about_page(condition),
        Expr::Call(call) => call_is_sign(call, outcome),
        Expr::Comprehension(macro_) => comprehension_is_sign(macro_, outcome),
        _ => false,
    }
}

fn call_is_sign(call: &CallExpr, outcome: bool) -> bool {
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::LOGICAL_NOT, [inner]) => is_sign(inner, !outcome),
        (operators::LOGICAL_AND, [a, b]) if outcome => is_sign(a, true) || is_sign(b, true),
        (operators::LOGICAL_AND, [a, b]) => is_sign(a, false) && is_sign(b, false),
        (operators::LOGICAL_OR, [a, b]) if outcome => is_sign(a, true) && is_sign(b, true),
        (operators::LOGICAL_OR, [a, b]) => is_sign(a, false) || is_sign(b, false),
        (operators::CONDITIONAL, [choice, yes, no]) => {
            (is_sign(choice, true) || is_sign(yes, outcome))
                && (is_sign(choice, false) || is_sign(no, outcome))
        }
        (operators::EQUALS, [a, b]) => comparison(a, b, outcome),
        (operators::NOT_EQUALS, [a, b]) => comparison(a, b, !outcome),
        (operators::GREATER, [a, b]) => at_least(a, b, 1, outcome),
        (operators::GREATER_EQUALS, [a, b]) => at_least(a, b, 0, outcome),
        (operators::LESS, [a, b]) => at_least(b, a, 1, outcome),
        (operators::LESS_EQUALS, [a, b]) => at_least(b, a, 0, outcome),
        (operators::IN, [value, _]) => outcome && about_page(value),
        ("contains" | "startsWith" | "endsWith" | "matches", [part]) => {
            let shown = call.target.as_deref().is_some_and(about_page);
            let is_empty = matches!(literal(part), Some(LiteralValue::String(text)) if text.inner().is_empty());
            shown && outcome && !is_empty
        }
        ("exists", [_]) => outcome,
        _ => false,
    }
}

/// `list.exists(x, …)` needs an entry; `list.all(x, …)` also holds for an empty list.
fn comprehension_is_sign(macro_: &ComprehensionExpr, outcome: bool) -> bool {
    let starts_with = match literal(&macro_.accu_init) {
        Some(LiteralValue::Boolean(value)) => **value,
        // exists_one counts from 0.
        _ => false,
    };
    about_page(&macro_.iter_range) && starts_with != outcome
}

fn comparison(a: &IdedExpr, b: &IdedExpr, equal: bool) -> bool {
    let (shown, other) = if about_page(a) { (a, b) } else { (b, a) };
    if !about_page(shown) {
        return false;
    }
    match literal(other) {
        Some(LiteralValue::Boolean(value)) => is_sign(shown, **value == equal),
        Some(LiteralValue::String(text)) if text.inner().is_empty() => !equal,
        _ if number(other) == Some(0) => !equal,
        _ if may_be_nothing(shown) => equal && !may_be_nothing(other),
        // An extracted field: a missing field fails the step.
        _ => true,
    }
}

/// The comparison `more >= less + margin`, or its negation.
fn at_least(more: &IdedExpr, less: &IdedExpr, margin: i64, outcome: bool) -> bool {
    match (about_page(more), about_page(less)) {
        (true, false) if may_be_nothing(more) => {
            outcome && number(less).is_some_and(|least| least.saturating_add(margin) > 0)
        }
        (false, true) if may_be_nothing(less) => {
            // The negation of "at most n" is "more than n".
            !outcome && number(more).is_some_and(|most| most.saturating_sub(margin) >= 0)
        }
        (false, false) => false,
        _ => !may_be_nothing(more) && !may_be_nothing(less),
    }
}

fn literal(expression: &IdedExpr) -> Option<&LiteralValue> {
    match &expression.expr {
        Expr::Literal(value) => Some(value),
        _ => None,
    }
}

fn number(expression: &IdedExpr) -> Option<i64> {
    match literal(expression)? {
        LiteralValue::Int(n) => Some(**n),
        LiteralValue::UInt(n) => i64::try_from(**n).ok(),
        _ => None,
    }
}

/// Whether the expression contains a question to the page, or a value that was read from it.
fn about_page(expression: &IdedExpr) -> bool {
    any(expression, &|expression| match &expression.expr {
        Expr::Ident(name) => matches!(name.as_str(), "fields" | "item" | "page" | "row"),
        Expr::Call(call) => is_question(call),
        _ => false,
    })
}

/// Whether the expression also has a value (an empty text, the number 0) if the page shows nothing.
fn may_be_nothing(expression: &IdedExpr) -> bool {
    any(expression, &|expression| match &expression.expr {
        Expr::Ident(name) => name == "page",
        Expr::Call(call) => is_question(call) || call.func_name == "size",
        _ => false,
    })
}

fn is_question(call: &CallExpr) -> bool {
    call.target.is_none() && matches!(call.func_name.as_str(), "exists" | "text" | "count")
}

fn any(expression: &IdedExpr, test: &impl Fn(&IdedExpr) -> bool) -> bool {
    let inner = |expression: &IdedExpr| any(expression, test);
    test(expression)
        || match &expression.expr {
            Expr::Select(select) => inner(&select.operand),
            Expr::Call(call) => {
                call.target.as_deref().is_some_and(inner) || call.args.iter().any(inner)
            }
            Expr::List(list) => list.elements.iter().any(inner),
            Expr::Comprehension(macro_) => inner(&macro_.iter_range) || inner(&macro_.loop_step),
            _ => false,
        }
}
