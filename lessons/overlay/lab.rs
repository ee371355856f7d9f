//! stub
use crate::lab::{Kind, Lab};
pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "",
    needs: &[],
    begin: |_| Ok(()),
    task: |_| String::new(),
    check: |_, _| Ok(()),
    solve: |_, _| Ok(None),
};
