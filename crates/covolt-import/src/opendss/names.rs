//! How are things called? Names are told apart without regard to capitals, and may be cut short.

use std::collections::HashMap;

/// The entry that a possibly abbreviated name means: the entry itself, else the first that begins with it, as in the reference
/// engine, where the order of the documentation decides between several.
pub(crate) fn look_up(table: &[&'static str], name: &str) -> Option<&'static str> {
    let name = name.trim().to_ascii_lowercase();
    let exact = table.iter().find(|entry| **entry == name);
    exact.or_else(|| table.iter().find(|entry| !name.is_empty() && entry.starts_with(&name))).copied()
}

/// Things by their names, in the order in which they were made.
#[derive(Debug, Clone)]
pub(crate) struct Catalogue<T> {
    entries: Vec<(String, T)>,
    index: HashMap<String, usize>,
}

impl<T> Default for Catalogue<T> {
    fn default() -> Self {
        Catalogue { entries: Vec::new(), index: HashMap::new() }
    }
}

impl<T> Catalogue<T> {
    /// Position of a name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.index.get(&name.trim().to_lowercase()).copied()
    }

    /// The thing of a name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.position(name).and_then(|at| self.entries.get(at)).map(|(_, thing)| thing)
    }

    /// The thing at a position, with its name as it was written.
    pub fn at(&self, position: usize) -> Option<(&str, &T)> {
        self.entries.get(position).map(|(name, thing)| (name.as_str(), thing))
    }

    /// The thing at a position, to change.
    pub fn at_mut(&mut self, position: usize) -> Option<&mut T> {
        self.entries.get_mut(position).map(|(_, thing)| thing)
    }

    /// Adds a thing, or puts it in the place of the one with the same name; tells its position.
    pub fn put(&mut self, name: &str, thing: T) -> usize {
        let next = self.entries.len();
        let at = *self.index.entry(name.trim().to_lowercase()).or_insert(next);
        match self.entries.get_mut(at) {
            Some(entry) => entry.1 = thing,
            None => self.entries.push((name.trim().to_owned(), thing)),
        }
        at
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.entries.iter().map(|(name, thing)| (name.as_str(), thing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ref_abbreviations_take_the_first_in_order() {
        let table = ["phases", "bus1", "kv", "kw", "kvar"];
        assert_eq!(look_up(&table, "KV"), Some("kv"));
        assert_eq!(look_up(&table, "k"), Some("kv"));
        assert_eq!(look_up(&table, "kva"), Some("kvar"));
        assert_eq!(look_up(&table, ""), None);
        assert_eq!(look_up(&table, "kx"), None);
    }

    #[test]
    fn law_names_have_no_capitals() {
        let mut catalogue = Catalogue::default();
        assert_eq!(catalogue.put("Abc", 1), catalogue.put("aBC", 2));
        assert_eq!((catalogue.get("ABC"), catalogue.iter().count()), (Some(&2), 1));
        assert_eq!(catalogue.at(0).map(|(name, _)| name), Some("Abc"));
    }
}
