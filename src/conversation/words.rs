//! Words that carry little of what somebody writes about and much of how: the closed classes, and what chats
//! are glued together with. Every other word is masked before features are counted.

/// English.
#[rustfmt::skip]
const ENGLISH: &[&str] = &[
    "a", "able", "about", "above", "actually", "after", "again", "ah", "ahh", "all", "almost",
    "alright", "also", "although", "always", "am", "an", "and", "another", "any", "anybody",
    "anyone", "anything", "anyway", "anyways", "apparently", "are", "aren't", "arent", "around",
    "as", "at", "aw", "away", "awesome", "aye", "back", "basically", "be", "because", "been",
    "before", "being", "better", "between", "bit", "both", "btw", "but", "by", "bye", "came", "can",
    "can't", "cannot", "cant", "cause", "cheers", "come", "cool", "cos", "could", "couldn't",
    "couldnt", "course", "cuz", "damn", "did", "didn't", "didnt", "do", "does", "doesn't", "doesnt",
    "doing", "don't", "done", "dont", "down", "dunno", "during", "each", "eh", "either", "else",
    "er", "err", "etc", "even", "ever", "every", "everyone", "everything", "exactly", "excellent",
    "few", "fine", "first", "for", "from", "ftw", "fwiw", "gah", "get", "gets", "getting", "give",
    "go", "goes", "going", "gonna", "good", "got", "gotta", "great", "guess", "guy", "guys", "ha",
    "had", "haha", "hahaha", "hard", "has", "hasn't", "hasnt", "have", "haven't", "havent",
    "having", "he", "he's", "heh", "hehe", "hello", "her", "here", "here's", "hey", "hi", "him",
    "his", "hm", "hmm", "hmmm", "hopefully", "how", "however", "huh", "i", "i'd", "i'll", "i'm",
    "i've", "id", "idea", "idk", "if", "ill", "im", "imho", "imo", "in", "indeed", "instead",
    "into", "is", "isn't", "isnt", "it", "it'll", "it's", "its", "ive", "just", "k", "keep", "kind",
    "kinda", "know", "last", "later", "least", "less", "let", "let's", "lets", "like", "little",
    "lmao", "lol", "long", "look", "looks", "lot", "lots", "made", "make", "makes", "man", "many",
    "may", "maybe", "me", "mean", "meh", "might", "mine", "more", "most", "much", "must", "my",
    "myself", "nah", "need", "needs", "neither", "never", "new", "nice", "no", "nobody", "none",
    "nope", "nor", "not", "nothing", "now", "np", "o", "of", "off", "oh", "ok", "okay", "old",
    "omg", "on", "once", "one", "ones", "only", "oops", "or", "other", "others", "ouch", "our",
    "out", "over", "own", "people", "perhaps", "please", "pls", "plus", "plz", "possible", "pretty",
    "probably", "problem", "put", "question", "quite", "rather", "really", "right", "said", "same",
    "say", "says", "see", "seem", "seems", "she", "should", "shouldn't", "since", "so", "some",
    "somebody", "somehow", "someone", "something", "sometimes", "somewhere", "soon", "sorry",
    "sort", "still", "stuff", "such", "sure", "take", "tbh", "tell", "than", "thank", "thanks",
    "that", "that'll", "that's", "thats", "the", "their", "them", "then", "there", "there's",
    "theres", "these", "they", "they're", "theyre", "thing", "things", "think", "this", "those",
    "though", "thought", "through", "thx", "till", "to", "too", "tried", "true", "try", "trying",
    "two", "u", "ugh", "uh", "um", "under", "unless", "until", "up", "upon", "ur", "us", "use",
    "used", "using", "very", "via", "wanna", "want", "wants", "was", "wasn't", "wasnt", "way", "we",
    "we're", "we've", "welcome", "well", "went", "were", "weren't", "what", "what's", "whatever",
    "whats", "when", "where", "whether", "which", "while", "who", "whole", "why", "will", "with",
    "within", "without", "won't", "wont", "work", "working", "works", "worth", "would", "wouldn't",
    "wouldnt", "wow", "wrong", "wtf", "y", "ya", "yay", "yea", "yeah", "yep", "yes", "yet", "you",
    "you'll", "you're", "you've", "your", "youre", "yours", "yup",
];

/// Spanish.
#[rustfmt::skip]
const SPANISH: &[&str] = &[
    "ademas", "además", "ah", "ahi", "ahora", "ahí", "al", "algo", "alguien", "alguna", "algún",
    "antes", "aqui", "aquí", "asi", "así", "aun", "aunque", "ay", "aún", "bien", "buenas", "bueno",
    "buenos", "cada", "casi", "como", "con", "creo", "cual", "cuando", "cuanto", "cuál", "cuándo",
    "cómo", "de", "del", "desde", "despues", "después", "dice", "donde", "dos", "dónde", "el",
    "ella", "ellos", "en", "entonces", "era", "eres", "es", "esa", "ese", "eso", "esta", "este",
    "esto", "estoy", "está", "están", "favor", "fue", "gracias", "ha", "había", "hace", "hacer",
    "hasta", "hay", "he", "hola", "hoy", "igual", "ja", "jaja", "jajaja", "la", "las", "le", "les",
    "lo", "los", "luego", "mal", "mas", "me", "menos", "mi", "mientras", "mis", "misma", "mismo",
    "mucho", "muy", "más", "mí", "nada", "nadie", "ni", "ningún", "no", "nos", "nosotros", "nunca",
    "o", "otra", "otro", "para", "pero", "poco", "por", "porque", "pq", "puede", "puedo", "pues",
    "q", "que", "quien", "quiero", "quizás", "quién", "qué", "se", "ser", "si", "sido", "siempre",
    "sin", "sobre", "solo", "son", "soy", "su", "sus", "sé", "sí", "sólo", "tal", "tambien",
    "también", "tan", "tanto", "te", "tengo", "tiene", "toda", "todavía", "todo", "todos", "tu",
    "tus", "tú", "un", "una", "uno", "usted", "va", "vale", "vamos", "ver", "vez", "voy", "x", "xq",
    "y", "ya", "yo", "él",
];

/// Whether a word, in lower case, is one of them.
pub(super) fn is_function_word(lower: &str) -> bool {
    ENGLISH.binary_search(&lower).is_ok() || SPANISH.binary_search(&lower).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order_and_lower_case() {
        for list in [ENGLISH, SPANISH] {
            assert!(list.windows(2).all(|w| w[0] < w[1]), "binary search needs order");
        }
        assert!(ENGLISH.iter().chain(SPANISH).all(|w| *w == w.to_lowercase()));
        assert!(is_function_word("the") && is_function_word("también") && is_function_word("a"));
        assert!(!is_function_word("kernel") && !is_function_word(""));
    }
}
