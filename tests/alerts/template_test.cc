// Templates of webhook bodies: what they make, that no value leaves its place, and that what is wrong is
// said.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "alerts/compose.h"
#include "alerts/options.h"
#include "alerts/template/template.h"
#include "tests/alerts/dispatcher_world.h"

using namespace stswatch;
using namespace stswatch::alerts;
using Json = nlohmann::json;

namespace {

Json sample() {
  return {{"title", "say \"hi\" <b> & 1/2"},
          {"status", "firing"},
          {"kind", "new"},
          {"severity", "critical"},
          {"domains", {"a.example", "b.example"}},
          {"domain", "a.example"},
          {"until", nullptr},
          {"url", ""},
          {"domain_count", 2},
          {"codes", Json::array()},
          {"labels", {{"team.x", "mail"}}},
          {"findings", {{{"code", "c0"}, {"subject", "mx"}}}},
          {"secret", {{"token", "12:ab/c"}}}};
}

std::string made(const std::string& text, Escape escape = Escape::none) {
  const auto parsed = Template::parse(text, escape, {"token"});
  REQUIRE_MESSAGE(parsed, text, ": ", parsed.error().what);
  return parsed->render(sample()).value_or("too large");
}

TemplateError wrong(const std::string& text) {
  const auto parsed = Template::parse(text, Escape::json, {"token"});
  REQUIRE_MESSAGE(!parsed, text);
  return parsed.error();
}

WebhookReceiver receiver(std::string body) {
  WebhookReceiver out{.name = "hook", .url = "https://hook.example/", .hmac_secret_file = ""};
  out.body = std::move(body);
  return out;
}

}  // namespace

TEST_CASE("values, filters and conditions") {
  CHECK(made("{{ domain }}/{{findings.0.code}}/{{ findings.7.code }}/{{ labels.team.x }}/{{ labels.no }}") ==
        "a.example/c0//mail/");
  CHECK(made("{{ status | map firing=trigger resolved=resolve }}") == "trigger");
  CHECK(made("{{ kind | map resolved=ok else=\"not ok\" }} {{ kind | map worse=x }}") == "not ok new");
  CHECK(made("{{ domains | join \", \" }} {{ domains.1 }} {{ domain_count }}") ==
        "a.example, b.example b.example 2");
  CHECK(made("{{ domains | json }} {{ until | json }} {{ title | json }}") ==
        R"(["a.example","b.example"] null "say \"hi\" <b> & 1/2")");
  CHECK(made("{{ title | cut 12 }}") == "say \"hi\" …");
  CHECK(made("{{ title | html }}") == "say &quot;hi&quot; &lt;b&gt; &amp; 1/2");
  CHECK(made("{{ title | url }}") == "say%20%22hi%22%20%3Cb%3E%20%26%201%2F2");
  CHECK(made("a{{#if url}}link {{url}}{{else}}no link{{/if}}b") == "ano linkb");
  CHECK(made("{{#if domain}}1{{#if until}}2{{else}}3{{/if}}4{{else}}5{{/if}}{{#if codes}}6{{/if}}") == "134");
  CHECK(made("{{ secret.token }}") == "12:ab/c");
}

TEST_CASE("what is not said to be otherwise is written as its place needs") {
  CHECK(made("{{ title }}", Escape::json) == R"(say \"hi\" <b> & 1/2)");
  CHECK(made("{{ title | json }}", Escape::json) == R"("say \"hi\" <b> & 1/2")");
  CHECK(made("{{ title | html }}", Escape::json) == "say &quot;hi&quot; &lt;b&gt; &amp; 1/2");
  CHECK(made("{{ title | html | json }}", Escape::json) == "\"say &quot;hi&quot; &lt;b&gt; &amp; 1/2\"");
  CHECK(made("/bot{{ secret.token }}", Escape::url) == "/bot12:ab%2Fc");
  CHECK(made("{{ title | url }}", Escape::url) == made("{{ title }}", Escape::url));
  const auto header = Template::parse("{{ title }}", Escape::header, {});
  CHECK(header->render({{"title", "a\r\nX: ü\x7f"}}).value() == "a? X: ???");
}

TEST_CASE("markdown loses its meaning") {
  const auto markdown = Template::parse("{{ seen | markdown }}", Escape::none, {});
  CHECK(markdown->render({{"seen", "[x](http://e) @all `a`"}}).value() ==
        "\\[x\\]\\(http:\u200b//e\\) @\u200b"
        "all \\`a\\`");
}

TEST_CASE("what is wrong is named with its line and what there is") {
  CHECK(wrong("\n\n{{ titel }}").line == 3);
  CHECK(wrong("{{ titel }}").what == "unknown path \"titel\"");
  CHECK(wrong("{{ titel }}").word == "titel");
  CHECK(wrong("{{ title | upper }}").what == "unknown filter \"upper\"");
  CHECK(wrong("{{ secret.tokn }}").what.find("secret_files") != std::string::npos);
  CHECK(wrong("{{ status | map firng=x }}").what == "\"status\" is never \"firng\"");
  for (const auto* text : {"{{ title",
                           "{{ }}",
                           "{{ title | }}",
                           "{{ title | map }}",
                           "{{ title | map a }}",
                           "{{ title | cut }}",
                           "{{ title | cut 5 }}",
                           "{{ title | cut x1 }}",
                           "{{ title | join , }}",
                           "{{ domains }}",
                           "{{ domains | join }}",
                           "{{ domains | html }}",
                           "{{ findings }}",
                           "{{ findings.0 }}",
                           "{{ findings.0.nope }}",
                           "{{ findings.1000.code }}",
                           "{{ labels }}",
                           "{{ title title }}",
                           "{{ title | json | html }}",
                           "{{ title | html | cut 20 }}",
                           "{{ title. }}",
                           "{{#if title}}x",
                           "{{/if}}",
                           "{{else}}",
                           "{{#if title}}{{else}}{{else}}{{/if}}",
                           "{{#if nope}}{{/if}}",
                           "{{#if}}{{/if}}",
                           "{{#each domains}}{{/each}}",
                           "{{ title | json \"}}",
                           "{{ title | json x }}"})
    CHECK_MESSAGE(!Template::parse(text, Escape::json, {}), text);
}

TEST_CASE("bounds: the template's size, its parts and depth, and what it makes") {
  CHECK_FALSE(Template::parse(std::string(template_bounds::kText + 1, 'x'), Escape::none, {}));
  std::string many, deep;
  for (std::size_t i = 0; i <= template_bounds::kPieces; ++i)
    many += "{{title}}";
  CHECK_FALSE(Template::parse(many, Escape::none, {}));
  for (std::size_t i = 0; i <= template_bounds::kDepth; ++i)
    deep = "{{#if title}}" + deep + "{{/if}}";
  CHECK_FALSE(Template::parse(deep, Escape::none, {}));
  const auto twice = Template::parse("{{ text }}{{ text }}", Escape::none, {});
  CHECK(twice->render({{"text", std::string(template_bounds::kResult / 2, 'x')}}));
  CHECK_FALSE(twice->render({{"text", std::string(template_bounds::kResult / 2 + 1, 'x')}}));
}

TEST_CASE("a body of JSON is checked on samples: what could break out is no JSON there") {
  CHECK(RequestTemplate::parse(
      receiver(R"({"a": "{{ title }}", "b": {{ domains | json }}, "n": {{ domain_count }}})")));
  CHECK(RequestTemplate::parse(receiver("{{#if url}}{\"u\": \"{{ url }}\"}{{else}}{}{{/if}}")));
  for (const auto* body :
       {"{\"a\": {{ title }}}", "{\"a\": {{ labels.n }}}", "{\"a\": \"{{ title | json }}\"}",
        "{\"a\": \"x\",}", "{{#if url}}{}{{/if}}", "{\"a\": {{ findings.0.code }} }"})
    CHECK_MESSAGE(!RequestTemplate::parse(receiver(body)), body);
  const auto late = RequestTemplate::parse(receiver("{\n {{#if url}}\n\n{{/if}}\n\"a\": {{ title }}\n}"));
  REQUIRE_FALSE(late);
  CHECK(late.error().at(0).error.line == 5);
  auto text = receiver("{\"a\": {{ title }}");
  text.content_type = "text/plain; charset=utf-8";
  CHECK(RequestTemplate::parse(text));
}

TEST_CASE("the host is no notice's to choose, and a secret that is used nowhere is told") {
  auto hook = receiver("{}");
  hook.url = "https://{{ domain }}/";
  CHECK(RequestTemplate::parse(hook).error().at(0).key == "url");
  hook.url = "https://api.example/{{ domain }}?q={{ title }}";
  CHECK(RequestTemplate::parse(hook)->render(sample())->url ==
        "https://api.example/a.example?q=say%20%22hi%22%20%3Cb%3E%20%26%201%2F2");
  hook.secret_files["token"] = "/f";
  CHECK(RequestTemplate::parse(hook).error().at(0).key == "secret_files.token");
  hook.headers = {{"Authorization", "Bearer {{ secret.token }}"}, {"X-Empty", "{{ url }}"}};
  const auto request = RequestTemplate::parse(hook)->render(sample());
  CHECK(request->headers == std::vector<std::string>{"Content-Type: application/json",
                                                     "Authorization: Bearer 12:ab/c", "X-Empty;"});
}

TEST_CASE("every path that a template may name is there in a notice, and nothing else is") {
  World world;
  world.seen_from = [](const auto&, const auto&, auto) {
    return SeenFrom{{"fra1", "nyc2"}, {"syd1"}, false};
  };
  break_mail(world);
  world.labels["example.com"]["team"] = "mail";
  world.pass(1min);
  const auto values = template_values(world.told().at(0));
  std::set<std::string> known;
  for (const auto& path : known_paths({})) {
    known.insert(path);
    if (path != "until") CHECK_MESSAGE(!value_at(values, path).is_null(), path);
  }
  for (const auto& [name, _] : values.items())
    CHECK_MESSAGE(known.contains(name), name);
  CHECK(values.at("thread") == world.told().at(0).thread());
  CHECK(values.at("codes").size() == 2);
  for (const auto& sample : sample_notices({}))
    for (const auto& [name, _] : values.items())
      CHECK_MESSAGE(sample.contains(name), name);
}
