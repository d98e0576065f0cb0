//! Where the theory has a closed form, the software gives it; theory.md section 10, items 1 and 2.

mod gaussian;
mod linear_recurrence;
mod stationary;
mod students;
