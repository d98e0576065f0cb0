//! Enums whose values have names, for parsing, printing and records.
//!
//! The macro `choice!` declares an enum whose variants have fixed names, and implements [`Choice`], `FromStr`,
//! `Display`, `Serialize` and `Deserialize` by these names. An enum whose variants have fields implements [`Choice`]
//! explicitly and the other traits by the macro `by_name!`.

use std::fmt;

/// One of a closed set of named values.
pub trait Choice: Copy + 'static {
    /// A noun for the choice, for error messages.
    const WHAT: &'static str;
    /// All values, in the order of messages.
    const ALL: &'static [Self];

    /// The name of a value in experiment files, on the command line and in records.
    fn name(self) -> &'static str;

    /// All names, in the order of [`Choice::ALL`].
    fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|choice| choice.name()).collect()
    }

    /// The value with the given name.
    ///
    /// # Errors
    /// [`UnknownName`] if there is none.
    fn from_name(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.iter().copied().find(|choice| choice.name() == name);
        found.ok_or_else(|| UnknownName { what: Self::WHAT, found: name.to_owned(), names: Self::names() })
    }
}

/// The values of a table of names and values, for [`Choice::ALL`].
pub(crate) const fn values<T: Copy, const N: usize>(table: &[(&'static str, T); N]) -> [T; N] {
    let mut values = [table[0].1; N];
    let mut i = 0;
    while i < N {
        values[i] = table[i].1;
        i += 1;
    }
    values
}

/// The error for a name that is not among those of a [`Choice`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {found:?}: use one of {}", quoted(names))]
pub struct UnknownName {
    /// A noun for the choice.
    pub what: &'static str,
    /// The given text.
    pub found: String,
    /// The valid names.
    pub names: Vec<&'static str>,
}

/// The names in quotation marks, separated by commas.
pub fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// The names of the values for which `suits` holds, as `a, b or c`, for messages.
pub fn names_where<T: Choice>(suits: impl Fn(T) -> bool) -> String {
    let mut names: Vec<&str> = T::ALL.iter().filter(|&&choice| suits(choice)).map(|choice| choice.name()).collect();
    let last = names.pop().unwrap_or_default();
    if names.is_empty() { last.into() } else { format!("{} or {last}", names.join(", ")) }
}

/// The value with the given name, for arguments of the command line.
///
/// # Errors
/// A message with the valid names.
pub fn parse_choice<T: Choice>(name: &str) -> Result<T, String> {
    T::from_name(name).map_err(|error| format!("expected one of {}", error.names.join(", ")))
}

/// Writes the name, with the width and alignment of the formatter.
pub(crate) fn display<T: Choice>(choice: T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.pad(choice.name())
}

/// `FromStr`, `Display`, `Serialize` and `Deserialize` of a type that implements [`Choice`](crate::choice::Choice).
macro_rules! by_name {
    ($Enum:ident) => {
        impl std::str::FromStr for $Enum {
            type Err = $crate::choice::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                $crate::choice::Choice::from_name(name)
            }
        }

        impl std::fmt::Display for $Enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::choice::display(*self, f)
            }
        }

        impl serde::Serialize for $Enum {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::choice::Choice::name(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $Enum {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <String as serde::Deserialize>::deserialize(deserializer)?;
                $crate::choice::Choice::from_name(&name).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use by_name;

/// Declares an enum whose variants have fixed names:
///
/// ```text
/// choice! {
///     /// Documentation.
///     pub enum Draws: "kind of draws" {
///         /// Documentation.
///         Fixed = "fixed",
///     }
/// }
/// ```
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $Enum:ident: $what:literal {
        $($(#[$note:meta])* $Variant:ident = $name:literal),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Enum {
            $($(#[$note])* $Variant),+
        }

        impl $Enum {
            /// The name in experiment files, on the command line and in records.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name),+
                }
            }
        }

        impl $crate::choice::Choice for $Enum {
            const WHAT: &'static str = $what;
            const ALL: &'static [Self] = &[$(Self::$Variant),+];

            fn name(self) -> &'static str {
                $Enum::name(self)
            }
        }

        $crate::choice::by_name!($Enum);
    };
}
pub(crate) use choice;

#[cfg(test)]
mod tests {
    use super::*;

    choice! {
        /// A shade of colour.
        pub enum Shade: "shade" {
            /// Red.
            Red = "red",
            /// Dark blue.
            DarkBlue = "dark-blue",
        }
    }

    /// Parsing, printing and serialisation use the same names.
    #[test]
    fn names_round_trip() {
        assert_eq!(Shade::names(), ["red", "dark-blue"]);
        for (&choice, name) in Shade::ALL.iter().zip(Shade::names()) {
            assert_eq!((choice.name(), choice.to_string().as_str()), (name, name));
            assert_eq!(name.parse(), Ok(choice));
            assert_eq!(serde_json::to_value(choice).unwrap(), name);
            assert_eq!(serde_json::from_value::<Shade>(name.into()).unwrap(), choice);
        }
        assert_eq!(format!("{:>5}", Shade::Red), "  red");
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = "green".parse::<Shade>().unwrap_err().to_string();
        assert_eq!(message, r#"unknown shade "green": use one of "red", "dark-blue""#);
        assert_eq!(parse_choice::<Shade>("green").unwrap_err(), "expected one of red, dark-blue");
        assert!(serde_json::from_value::<Shade>("green".into()).unwrap_err().to_string().starts_with(&message));
    }
}
