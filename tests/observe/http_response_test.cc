#include "checks/observe/http_response.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "checks/facts/bounds.h"

using namespace stswatch;
using Reader = HttpResponseReader;

namespace {

enum class Ending { none, orderly, abrupt };

struct Outcome {
  HttpResponse response;
  std::optional<Cause> cause;
  bool done = false;
};

/// Feeds `octets` in pieces of `step` until the reader wants no more, then ends them as told.
Outcome read(std::string_view octets, Ending ending, std::size_t step) {
  Reader reader;
  Outcome outcome;
  for (std::size_t at = 0; at < octets.size() && !outcome.done && !outcome.cause; at += step) {
    const auto want = reader.feed(octets.substr(at, step));
    if (!want) {
      CHECK(want.error().stage == Stage::headers);
      CHECK(!want.error().detail.empty());
      outcome.cause = want.error().cause;
    } else {
      outcome.done = *want == Reader::Want::nothing;
    }
  }
  if (!outcome.done && !outcome.cause && ending != Ending::none) {
    const auto end = reader.end(ending == Ending::orderly ? Reader::End::orderly : Reader::End::abrupt);
    if (!end) outcome.cause = end.error().cause;
    outcome.done = end.has_value();
  }
  outcome.response = reader.response();
  return outcome;
}

std::string chunk(std::string_view data) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx", data.size());
  return std::string(size) + "\r\n" + std::string(data) + "\r\n";
}

/// `bits` as zlib has them: 15 for its own format, 31 for gzip's.
std::string packed(const std::string& text, int bits) {
  z_stream z{};
  REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

const std::string kOk = "HTTP/1.1 200 OK\r\n";
const std::string kChunked = kOk + "Transfer-Encoding: chunked\r\n\r\n";
constexpr Ending kNone = Ending::none, kOrderly = Ending::orderly, kAbrupt = Ending::abrupt;

}  // namespace

TEST_CASE("complete and incomplete responses, whole and octet by octet") {
  const struct {
    std::string why;
    std::string input;
    Ending ending;
    std::optional<Cause> cause;
    int status;
    std::string body;
    bool truncated = false;
  } rows[] = {
      {"Content-Length", kOk + "Content-Length: 3\r\n\r\nabc", kNone, {}, 200, "abc"},
      {"octets behind the announced length are not the body",
       kOk + "Content-Length: 3\r\n\r\nabcdef",
       kNone,
       {},
       200,
       "abc"},
      {"the same length twice is one length",
       kOk + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
       kNone,
       {},
       200,
       "abc"},
      {"an empty body", kOk + "Content-Length: 0\r\n\r\n", kNone, {}, 200, ""},
      {"shorter than announced, orderly end",
       kOk + "Content-Length: 9\r\n\r\nabc",
       kOrderly,
       {},
       200,
       "abc",
       true},
      {"shorter than announced, cut", kOk + "Content-Length: 9\r\n\r\nabc", kAbrupt, {}, 200, "abc", true},
      {"an absurd length reserves nothing",
       kOk + "Content-Length: 18446744073709551615\r\n\r\nabc",
       kAbrupt,
       {},
       200,
       "abc",
       true},
      {"HTTP/1.0 up to the end, with close_notify", "HTTP/1.0 200 OK\r\n\r\nabc", kOrderly, {}, 200, "abc"},
      {"up to the end, without close_notify: read, and told by a fact of its own",
       kOk + "\r\nabc",
       kAbrupt,
       {},
       200,
       "abc"},
      {"both lengths and chunks: the chunks count (RFC 9112 6.3)",
       kOk + "Content-Length: 300\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("abc") + "0\r\n\r\n",
       kNone,
       {},
       200,
       "abc"},
      {"chunks first, then a length, folded, that is none",
       kOk + "transfer-encoding: Chunked\r\nContent-Length: 3\r\n B\r\n\r\n" + chunk("abc") + "0\r\n\r\n",
       kNone,
       {},
       200,
       "abc"},
      {"both, and no chunks",
       kOk + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
       kOrderly,
       {},
       200,
       "",
       true},
      {"chunks", kChunked + chunk("abc") + chunk("de") + "0\r\n\r\n", kNone, {}, 200, "abcde"},
      {"only the last chunk", kChunked + "0\r\n\r\n", kNone, {}, 200, ""},
      {"last chunk of many zeros", kChunked + chunk("a") + "000000\r\n\r\n", kNone, {}, 200, "a"},
      {"chunk extensions", kChunked + "3;a=b;c=\"d\\\"e\"\r\nabc\r\n0;x\r\n\r\n", kNone, {}, 200, "abc"},
      {"trailers", kChunked + chunk("abc") + "0\r\nX-Sum: 1\r\n\r\n", kNone, {}, 200, "abc"},
      {"chunks that never end", kChunked + chunk("abc"), kOrderly, {}, 200, "abc", true},
      {"cut within the last chunk", kChunked + chunk("abc") + "0\r\n", kOrderly, {}, 200, "abc", true},
      {"chunk size that is none", kChunked + "zz\r\nabc\r\n", kNone, {}, 200, "", true},
      {"negative chunk size", kChunked + "-3\r\nabc\r\n0\r\n\r\n", kNone, {}, 200, "", true},
      {"chunk size beyond 64 bits", kChunked + "11111111111111111\r\nabc", kNone, {}, 200, "", true},
      {"no line end behind a chunk", kChunked + "3\r\nabcXX0\r\n\r\n", kNone, {}, 200, "abc", true},
      {"404 with a body", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", kNone, {}, 404, "no"},
      {"204 has no body, whatever it announces",
       "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
       kNone,
       {},
       204,
       ""},
      {"304 has no body", "HTTP/1.1 304 Not Modified\r\n\r\n", kNone, {}, 304, ""},
      {"interim responses are skipped",
       "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + kOk +
           "Content-Length: 1\r\n\r\nx",
       kNone,
       {},
       200,
       "x"},
      {"101 is an end: we asked for no other protocol",
       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
       kNone,
       {},
       101,
       ""},
      {"no reason phrase", "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx", kNone, {}, 200, "x"},
      {"neither reason phrase nor its space",
       "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx",
       kNone,
       {},
       200,
       "x"},
      {"bare line feeds (RFC 9112 2.2)", "HTTP/1.1 200 OK\nContent-Length: 1\n\nx", kNone, {}, 200, "x"},
      {"folded field (RFC 9112 5.2)",
       kOk + "X-Long: a\r\n b\r\nContent-Length: 1\r\n\r\nx",
       kNone,
       {},
       200,
       "x"},
      {"chunked in any case", kOk + "Transfer-Encoding: ChunKED\r\n\r\n0\r\n\r\n", kNone, {}, 200, ""},
      {"a trailer changes no header", kChunked + "0\r\nContent-Type: text/html\r\n\r\n", kNone, {}, 200, ""},

      {"silence", "", kOrderly, Cause::closed, 0, ""},
      {"cut within the header", kOk + "Content-Len", kOrderly, Cause::closed, 0, ""},
      {"cut behind an interim response", "HTTP/1.1 100 Continue\r\n\r\n", kAbrupt, Cause::closed, 0, ""},
      {"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", kNone, Cause::malformed, 0, ""},
      {"a page without header", "<html>hello</html>", kNone, Cause::malformed, 0, ""},
      {"a NUL first", std::string("\0HTTP/1.1 200 OK\r\n\r\n", 20), kNone, Cause::malformed, 0, ""},
      {"HTTP/2 preface answered in plain", "HTTP/2.0 200 OK\r\n\r\n", kNone, Cause::malformed, 0, ""},
      {"status that is no number", "HTTP/1.1 abc OK\r\n\r\n", kNone, Cause::malformed, 0, ""},
      {"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", kNone, Cause::malformed, 200, ""},
      {"space before the colon", kOk + "Content-Length : 3\r\n\r\nabc", kNone, Cause::malformed, 200, ""},
      {"empty field name", kOk + ": x\r\n\r\n", kNone, Cause::malformed, 200, ""},
      {"NUL in a field", kOk + std::string("X: a\0b\r\n\r\n", 10), kNone, Cause::malformed, 200, ""},
      {"two different lengths", kOk + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", kNone,
       Cause::malformed, 200, ""},
      {"negative length", kOk + "Content-Length: -1\r\n\r\n", kNone, Cause::malformed, 200, ""},
      {"length with a unit", kOk + "Content-Length: 3B\r\n\r\nabc", kNone, Cause::malformed, 200, ""},
      {"a transfer coding nobody asked for", kOk + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", kNone,
       Cause::malformed, 200, ""},
  };
  for (const auto& row : rows) {
    for (const std::size_t step :
         {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{100000}}) {
      CAPTURE(row.why);
      CAPTURE(step);
      const Outcome outcome = read(row.input, row.ending, step);
      CHECK(outcome.cause == row.cause);
      CHECK(outcome.done == !row.cause.has_value());
      if (!row.cause) CHECK(outcome.response.status == row.status);
      CHECK(outcome.response.body == row.body);
      CHECK(outcome.response.truncated == row.truncated);
      CHECK_FALSE(outcome.response.too_large);
    }
  }
}

TEST_CASE("what should not be sent, and is read all the same, leaves its mark") {
  const std::string both = kOk + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
  const struct {
    std::string why, input;
    Ending ending;
    bool end_unproven, length_and_chunked;
  } rows[] = {
      {"a length alone", kOk + "Content-Length: 3\r\n\r\nabc", kAbrupt, false, false},
      {"chunks alone", kChunked + "0\r\n\r\n", kAbrupt, false, false},
      {"both", both + "0\r\n\r\n", kNone, false, true},
      {"both in an interim response only",
       "HTTP/1.1 100 X\r\nContent-Length: 3\r\nTransfer-Encoding: chunked" + std::string("\r\n\r\n") + kOk +
           "Content-Length: 0\r\n\r\n",
       kNone, false, false},
      {"a field whose name only ends so",
       kOk + "X-Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", kNone, false, false},
      {"closed with close_notify", kOk + "\r\nabc", kOrderly, false, false},
      {"closed without, HTTP/1.1", kOk + "\r\nabc", kAbrupt, true, false},
      {"closed without, HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nabc", kAbrupt, true, false},
      {"shorter than announced is more than that", kOk + "Content-Length: 9\r\n\r\nabc", kAbrupt, false,
       false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    for (const std::size_t step : {std::size_t{1}, std::size_t{5}, std::size_t{100000}}) {
      const auto outcome = read(row.input, row.ending, step);
      REQUIRE(outcome.done);
      CHECK(outcome.response.end_unproven == row.end_unproven);
      CHECK(outcome.response.length_and_chunked == row.length_and_chunked);
    }
  }
}

TEST_CASE("a content coding is undone where it is known and whole, within the bound") {
  const std::string policy = "version: STSv1\nmode: none\nmax_age: 86400\n";
  const auto answer = [](const std::string& coding, const std::string& body) {
    return read(kOk + "Content-Encoding: " + coding + "\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body,
                kNone, 11)
        .response;
  };
  const struct {
    const char* why;
    const char* coding;
    std::string body, text;
    bool decoded, too_large;
  } rows[] = {
      {"gzip", "gzip", packed(policy, 31), policy, true, false},
      {"its old name", "X-GZIP", packed(policy, 31), policy, true, false},
      {"deflate is zlib's format (RFC 9110 8.4.1.2)", "deflate", packed(policy, 15), policy, true, false},
      {"said to be gzip, and is not", "gzip", policy, policy, false, false},
      {"cut", "gzip", packed(policy, 31).substr(0, 30), packed(policy, 31).substr(0, 30), false, false},
      {"a coding that senders do not know either", "br", policy, policy, false, false},
      {"twice over", "gzip, gzip", packed(policy, 31), packed(policy, 31), false, false},
      {"exactly the bound", "gzip", packed(std::string(bounds::kPolicyBody, 'x'), 31),
       std::string(bounds::kPolicyBody, 'x'), true, false},
      {"60 KB that want to be 60 MB", "gzip", packed(std::string(60'000'000, 'x'), 31),
       std::string(bounds::kPolicyBody, 'x'), true, true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    const auto response = answer(row.coding, row.body);
    CHECK((response.body == row.text));
    CHECK(response.decoded == row.decoded);
    CHECK(response.too_large == row.too_large);
    CHECK(response.content_encoding == row.coding);
  }
}

TEST_CASE("fields are kept, printable and bounded") {
  const auto response =
      read(kOk +
               "content-TYPE:  text/plain; charset=utf-8 \r\nContent-Type: text/html\r\nContent-Encoding: "
               "gzip\r\n" +
               "Location: https://www.example.com/\r\nCache-Control: max-age=5\r\nAge: 7\r\n" +
               "Date: Tue, 01 Dec 2026 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
           kNone, 10)
          .response;
  CHECK(response.content_type == "text/plain; charset=utf-8");
  CHECK(response.content_encoding == "gzip");
  CHECK(response.location == "https://www.example.com/");
  CHECK(response.cache_control == "max-age=5");
  CHECK(response.age == "7");
  CHECK(response.date == "Tue, 01 Dec 2026 00:00:00 GMT");

  SUBCASE("identity is no coding") {
    CHECK(!read(kOk + "Content-Encoding: Identity\r\n\r\n", kOrderly, 9).response.content_encoding);
  }
  SUBCASE("a field of an interim response is not one of the answer") {
    const auto late =
        read("HTTP/1.1 103 X\r\nContent-Type: text/html\r\n\r\n" + kOk + "\r\n", kOrderly, 9).response;
    CHECK(!late.content_type);
  }
  SUBCASE("a field of a trailer neither") {
    CHECK(!read(kChunked + "0\r\nContent-Type: text/html\r\n\r\n", kNone, 9).response.content_type);
  }
  SUBCASE("long and foreign octets") {
    const auto odd =
        read(kOk + "Location: \xff" + std::string(9000, 'x') + "\r\n\r\n", kOrderly, 999).response;
    CHECK(odd.location->starts_with("\\xFFxxx"));
    CHECK(odd.location->size() <= 1000);
  }
}

TEST_CASE("a body of exactly the bound passes, one octet more is cut") {
  const std::string most(bounds::kPolicyBody, 'm');
  const std::string over = most + "n";
  const std::string length = "Content-Length: ";
  for (const std::size_t step : {std::size_t{1}, std::size_t{1460}, std::size_t{200000}}) {
    CAPTURE(step);
    const std::string inputs[] = {kOk + length + std::to_string(most.size()) + "\r\n\r\n",
                                  kChunked + chunk(most), kOk + "\r\n"};
    for (int form = 0; form < 3; ++form) {
      CAPTURE(form);
      const std::string tail = form == 1 ? "0\r\n\r\n" : "";
      const auto fits = read(form == 1 ? inputs[1] + tail : inputs[form] + most, kOrderly, step);
      CHECK((fits.response.body == most));
      CHECK_FALSE(fits.response.too_large);
      CHECK_FALSE(fits.response.truncated);
      const std::string bigger = form == 0   ? kOk + length + std::to_string(over.size()) + "\r\n\r\n" + over
                                 : form == 1 ? kChunked + chunk(over)
                                             : inputs[2] + over;
      const auto cut = read(bigger, kNone, step);
      CHECK(cut.done);
      CHECK(cut.response.too_large);
      CHECK((cut.response.body == most));
    }
  }
}

TEST_CASE("what never ends is stopped at its bound") {
  const struct {
    std::string why;
    std::string start, again;
    std::optional<Cause> cause;
    std::size_t bound;
  } rows[] = {
      {"endless status line", "HTTP/1.1 200 ", "x", Cause::over_budget, bounds::kHttpHeader},
      {"endless field", kOk + "X: ", "y", Cause::over_budget, bounds::kHttpHeader},
      {"endless fields", kOk, "X-Y: z\r\n", Cause::over_budget, bounds::kHttpHeader},
      {"endless interim responses", "", "HTTP/1.1 100 Continue\r\n\r\n", Cause::over_budget,
       bounds::kHttpHeader},
      {"endless folds", kOk + "X: y\r\n", " z\r\n", Cause::over_budget, bounds::kHttpHeader},
      {"endless chunk extension", kChunked + "1", ";a", {}, 2 * bounds::kHttpHeader},
      {"endless quoted extension", kChunked + "1;a=\"", "b\r\n", {}, 2 * bounds::kHttpHeader},
      {"endless trailers", kChunked + "0\r\n", "X: y\r\n", {}, 2 * bounds::kHttpHeader},
      {"endless zeros of a chunk size", kChunked, "0", {}, 2 * bounds::kHttpHeader},
      {"endless small chunks", kChunked, "1\r\nx\r\n", {}, 3 * bounds::kPolicyBody},
      {"endless chunks with long extensions",
       kChunked,
       "1;" + std::string(1000, 'e') + "\r\nx\r\n",
       {},
       3 * bounds::kPolicyBody},
      {"endless body", kOk + "\r\n", "body", {}, 2 * bounds::kPolicyBody},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    Reader reader;
    std::size_t fed = row.start.size();
    auto want = reader.feed(row.start);
    while (want && *want == Reader::Want::more && fed < 10 * bounds::kPolicyBody) {
      want = reader.feed(row.again);
      fed += row.again.size();
    }
    CHECK(fed <= row.bound + row.again.size());
    if (row.cause) {
      REQUIRE_FALSE(want.has_value());
      CHECK(want.error().cause == *row.cause);
    } else {
      REQUIRE(want.has_value());
      CHECK(*want == Reader::Want::nothing);
      CHECK((reader.response().truncated || reader.response().too_large));
    }
    // What comes later is not even looked at.
    const auto after = reader.feed(kOk + "\r\n");
    CHECK((after && *after == Reader::Want::nothing));
  }
}

TEST_CASE("mutated responses never crash, and the split of the octets changes nothing") {
  const std::vector<std::string> seeds = {
      kOk + "Content-Type: text/plain\r\nContent-Length: 20\r\n\r\nversion: STSv1\r\nmode",
      kChunked + "3;a=\"b\"\r\nabc\r\n" + chunk("hello") + "0\r\nX: y\r\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\nDate: x\n\nbody",
      kOk + "Content-Encoding: gzip\r\nX: a\r\n b\r\n\r\nbody",
      kOk + "Content-Encoding: gzip\r\n\r\n" + packed("version: STSv1\r\nmode: none\r\n", 31),
      kOk + "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("hello") + "0\r\n\r\n",
  };
  std::mt19937 random(8461);
  const std::string_view spice("\r\n\0 :;\"0fF,\\\xff", 14);
  for (int round = 0; round < 6000; ++round) {
    std::string text = seeds[random() % seeds.size()];
    for (std::size_t edits = 1 + random() % 4; edits > 0 && !text.empty(); --edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text.erase(at, 1 + random() % 5);
          break;
        case 1:
          text[at] = spice[random() % spice.size()];
          break;
        case 2:
          text.insert(at, 1, spice[random() % spice.size()]);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 20));
          break;
      }
    }
    const Outcome whole = read(text, kOrderly, text.size() + 1);
    const Outcome split = read(text, kOrderly, 1 + random() % 9);
    CAPTURE(text);
    CHECK(whole.cause == split.cause);
    if (!whole.cause) {
      CHECK(whole.response.body == split.response.body);
      CHECK(whole.response.truncated == split.response.truncated);
      CHECK(whole.response.decoded == split.response.decoded);
      CHECK(whole.response.length_and_chunked == split.response.length_and_chunked);
    }
  }
}
