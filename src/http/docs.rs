//! `/api/docs`: the OpenAPI description as one readable page, written on the server, so that it needs neither scripts
//! nor anything from elsewhere.

use serde_json::Value;
use std::fmt::{self, Display, Write};

const HEAD: &str = include_str!("../../web/docs-head.html");

/// The page. What the description lacks is left out.
pub(super) fn render(openapi: &Value) -> String {
    let mut page = String::with_capacity(64 * 1024);
    // Writing to a String cannot fail.
    let _ = write(&mut page, openapi);
    page
}

fn write(out: &mut String, openapi: &Value) -> fmt::Result {
    out.push_str(HEAD);
    let info = &openapi["info"];
    write!(out, "<header><h1>{} <small>{}</small></h1>", Text(&info["title"]), Text(&info["version"]))?;
    paragraphs(out, &info["description"])?;
    out.push_str("<p><a href=\"/api/openapi.json\">openapi.json</a></p></header><main>");
    for tag in items(&openapi["tags"]) {
        write!(out, "<h2>{}</h2>", Text(&tag["description"]))?;
        for (path, method, operation) in operations(openapi).filter(|(_, _, operation)| operation["tags"][0] == tag["name"]) {
            describe(out, path, method, operation)?;
        }
    }
    out.push_str("<h2>Shapes</h2>");
    for (name, schema) in members(&openapi["components"]["schemas"]) {
        write!(out, "<section id=\"{0}\"><h3>{0}</h3>", Escaped(name))?;
        paragraphs(out, &schema["description"])?;
        fields(out, schema)?;
        out.push_str("</section>");
    }
    out.push_str("</main></body></html>");
    Ok(())
}

fn operations(openapi: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    members(&openapi["paths"]).flat_map(|(path, item)| {
        members(item).filter(|(_, operation)| operation.is_object()).map(move |(method, operation)| (path, method, operation))
    })
}

fn describe(out: &mut String, path: &str, method: &str, operation: &Value) -> fmt::Result {
    let method = Escaped(method);
    write!(out, "<section><h3><b class=\"{method}\">{method}</b> <code>{}</code></h3>", Escaped(path))?;
    write!(out, "<p><strong>{}</strong>", Text(&operation["summary"]))?;
    // A security requirement of nothing means that it works without a session, too.
    let schemes: Vec<_> = items(&operation["security"]).collect();
    if !schemes.is_empty() {
        let is_optional = schemes.iter().any(|scheme| scheme.as_object().is_some_and(serde_json::Map::is_empty));
        out.push_str(if is_optional { " · session optional" } else { " · needs a session" });
    }
    out.push_str("</p>");
    paragraphs(out, &operation["description"])?;
    if items(&operation["parameters"]).next().is_some() {
        out.push_str("<table><tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr>");
        for parameter in items(&operation["parameters"]) {
            let (name, place) = (Text(&parameter["name"]), Text(&parameter["in"]));
            let (schema, about) = (Type(&parameter["schema"]), Text(&parameter["description"]));
            write!(out, "<tr><td><code>{name}</code></td><td>{place}</td><td>{schema}</td><td>{about}</td></tr>")?;
        }
        out.push_str("</table>");
    }
    for (_, content) in members(&operation["requestBody"]["content"]) {
        write!(out, "<p>Body: {}</p>", Type(&content["schema"]))?;
    }
    out.push_str("<table><tr><th>Status</th><th></th><th>Body</th></tr>");
    for (status, response) in members(&operation["responses"]) {
        write!(out, "<tr><td>{}</td><td>{}", Escaped(status), Text(&response["description"]))?;
        for (name, header) in members(&response["headers"]) {
            write!(out, "<br><code>{}</code>: {}", Escaped(name), Text(&header["description"]))?;
        }
        out.push_str("</td><td>");
        for (media_type, content) in members(&response["content"]) {
            match media_type.as_str() {
                "application/json" => write!(out, "{}", Type(&content["schema"]))?,
                other => write!(out, "<code>{}</code>", Escaped(other))?,
            }
        }
        out.push_str("</td></tr>");
    }
    out.push_str("</table></section>");
    Ok(())
}

/// The fields of a schema, those of its parts (`allOf`) included.
fn fields(out: &mut String, schema: &Value) -> fmt::Result {
    if !schema["properties"].is_object() && !schema["allOf"].is_array() {
        return write!(out, "<p>{}</p>", Type(schema));
    }
    for part in items(&schema["allOf"]).filter(|part| part["$ref"].is_string()) {
        write!(out, "<p>Everything in {}, and:</p>", Type(part))?;
    }
    out.push_str("<table><tr><th>Field</th><th>Type</th><th></th></tr>");
    for part in items(&schema["allOf"]).chain([schema]) {
        for (name, field) in members(&part["properties"]) {
            let is_required = items(&part["required"]).any(|required| required == name);
            let optional = if is_required { "" } else { " <i>optional</i>" };
            let (name, about) = (Escaped(name), Text(&field["description"]));
            write!(out, "<tr><td><code>{name}</code>{optional}</td><td>{}</td><td>{about}</td></tr>", Type(field))?;
        }
    }
    out.push_str("</table>");
    Ok(())
}

/// Blank lines part paragraphs; the description's little Markdown (`**`, backticks) becomes what it means.
fn paragraphs(out: &mut String, text: &Value) -> fmt::Result {
    for paragraph in text.as_str().unwrap_or_default().split("\n\n").filter(|text| !text.is_empty()) {
        write!(out, "<p>{}</p>", Escaped(paragraph))?;
    }
    Ok(())
}

fn items(value: &Value) -> std::slice::Iter<'_, Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// A string of the description as HTML; nothing for anything else.
struct Text<'a>(&'a Value);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.0.as_str().unwrap_or_default()).fmt(f)
    }
}

/// A text as HTML.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut is_bold, mut is_code) = (false, false);
        let mut rest = self.0.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '`' => {
                    f.write_str(if is_code { "</code>" } else { "<code>" })?;
                    is_code = !is_code;
                }
                '*' if rest.next_if_eq(&'*').is_some() => {
                    f.write_str(if is_bold { "</strong>" } else { "<strong>" })?;
                    is_bold = !is_bold;
                }
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A schema in a few words, with a link where it has a name.
struct Type<'a>(&'a Value);

impl Display for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.0;
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return write!(f, "<a href=\"#{0}\">{0}</a>", Escaped(name));
        }
        let mut separator = "";
        for option in items(&schema["oneOf"]).chain(items(&schema["anyOf"])) {
            write!(f, "{separator}{}", Type(option))?;
            separator = " or ";
        }
        // Nullable types are written as a list.
        for name in items(&schema["type"]).chain([&schema["type"]]).filter_map(Value::as_str) {
            match name {
                "array" => write!(f, "{separator}[{}, …]", Type(&schema["items"]))?,
                name => write!(f, "{separator}{}", Escaped(name))?,
            }
            separator = " or ";
        }
        match schema["format"].as_str() {
            Some(format) => write!(f, " ({})", Escaped(format)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_page_shows_every_route_and_every_shape() {
        let openapi = serde_json::to_value(crate::http::openapi()).expect("JSON");
        let page = render(&openapi);
        for (path, method, _) in operations(&openapi) {
            assert!(page.contains(&format!("<b class=\"{method}\">{method}</b> <code>{path}</code>")), "{method} {path}");
        }
        for (name, _) in members(&openapi["components"]["schemas"]) {
            assert!(page.contains(&format!("<section id=\"{name}\">")), "{name}");
        }
    }

    #[test]
    fn the_page_loads_nothing_and_runs_nothing() {
        let page = render(&serde_json::to_value(crate::http::openapi()).expect("JSON"));
        for word in ["<script", "src=", "<link", "@import", "url(", "http://", "https://"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn texts_are_escaped_and_their_markdown_is_kept() {
        assert_eq!(Escaped("**a** <b> `c&\"d'`").to_string(), "<strong>a</strong> &lt;b&gt; <code>c&amp;&quot;d&#39;</code>");
    }

    #[test]
    fn types_are_put_in_words() {
        let cases = [
            (json!({"$ref": "#/components/schemas/Me"}), "<a href=\"#Me\">Me</a>"),
            (json!({"type": "array", "items": {"type": "string", "format": "uuid"}}), "[string (uuid), …]"),
            (json!({"type": ["string", "null"]}), "string or null"),
            (json!({"oneOf": [{"type": "null"}, {"$ref": "#/x/Id"}]}), "null or <a href=\"#Id\">Id</a>"),
        ];
        for (schema, words) in cases {
            assert_eq!(Type(&schema).to_string(), words);
        }
    }
}
