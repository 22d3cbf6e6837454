// Random octets and mutations of good texts, with a fixed seed, through every reader: no crash, one verdict.
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <random>
#include <string>
#include <string_view>

#include "checks/facts/address.h"
#include "checks/facts/domain.h"
#include "checks/facts/policy.h"
#include "checks/facts/records.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"

namespace {

using namespace stswatch;
using namespace std::string_literals;
using namespace std::string_view_literals;

bool is_safe(const std::string& detail) {
  for (const char c : detail) {
    if (c < ' ' || c > '~') return false;
  }
  return detail.size() <= 200;
}

template <class Departures>
bool are_safe(const Departures& departures) {
  for (const auto& d : departures) {
    if (!is_safe(d.detail)) return false;
  }
  return departures.size() < 200;
}

void feed(const std::string& text) {
  const std::size_t half = text.size() / 2;
  const std::vector<TxtRecord> whole{{{text}}};
  const std::vector<TxtRecord> split{{{text.substr(0, half), text.substr(half)}}};

  const StsRecordReading sts = read_sts_records(whole);
  CHECK(sts.verdict == read_sts_records(split).verdict);
  CHECK(are_safe(sts.departures));
  CHECK((sts.usable() || sts.verdict == StsRecordReading::Verdict::none || !sts.departures.empty()));

  const TlsrptReading tlsrpt = read_tlsrpt_records(whole);
  CHECK(tlsrpt.verdict == read_tlsrpt_records(split).verdict);
  CHECK(are_safe(tlsrpt.departures));

  const PolicyReading policy = read_policy(text);
  CHECK(policy.strict == read_policy(text).strict);
  CHECK((policy.valid() || !policy.departures.empty()));
  CHECK((!policy.valid() || policy.lenient.has_value()));
  CHECK(are_safe(policy.departures));

  const auto domain = Domain::parse(text);
  CHECK((domain || (text::is_one_line(domain.error()) && domain.error().size() <= 400)));
  if (domain) CHECK(Domain::parse(domain->str()) == domain);
  CHECK(matches(text, text) == matches(text, text));
  matches("mail.example.com", text);
  is_mx_pattern(text);
  is_public_suffix(text);
  registrable_domain(text);
  if (const auto address = Address::parse(text)) CHECK(Address::parse(address->str()) == address);
  if (const auto t = parse_utc(text)) CHECK(to_utc(*t) == text);
}

const std::array<std::string, 9> kSeeds{
    "v=STSv1; id=20160831085700Z; x=y;",
    "v=TLSRPTv1; rua=mailto:a@example.com , https://[2001:db8::1]:8443/r?x=1#f",
    "version: STSv1\r\nmode: enforce\nmx: *.example.com\nmax_age: 604800\nx-y: caf\xC3\xA9 au lait\n",
    "version: STSv1\nmode: none\nmax_age: 31557601\n",
    "m\xC3\xBCnchen.example",
    "2001:db8::1",
    "192.0.2.1",
    "2026-12-01T00:00:00Z",
    "\xEF\xBB\xBFversion: STSv1\r",
};

std::string mutate(std::string text, std::mt19937& random) {
  constexpr std::string_view kTelling = ";=:.,*\r\n\t \0\x80\xC3\xFF#%@[]!/-_\"<v1"sv;
  for (unsigned n = random() % 4 + 1; n > 0; --n) {
    const std::size_t at = text.empty() ? 0 : random() % text.size();
    const char c =
        random() % 2 == 0 ? kTelling[random() % kTelling.size()] : static_cast<char>(random() % 256);
    switch (random() % 4) {
      case 0:
        text.insert(at, 1, c);
        break;
      case 1:
        text.erase(at, random() % 3 + 1);
        break;
      case 2:
        text.insert(at, text.substr(at, random() % 16));
        break;
      default:
        if (!text.empty()) text[at] = c;
    }
  }
  return text;
}

}  // namespace

TEST_CASE("hostile: 20,000 random and mutated texts") {
  std::mt19937 random(8461);  // NOLINT: the same texts on every run
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    if (i % 4 == 0) {
      for (std::size_t n = random() % 200; n > 0; --n) {
        text += static_cast<char>(random() % 256);
      }
    } else {
      text = mutate(kSeeds[random() % kSeeds.size()], random);
    }
    feed(text);
  }
}

TEST_CASE("hostile: four times a policy's bound of one thing is read in linear time") {
  constexpr std::size_t kSize = 1U << 18U;
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& unit :
       {"\0"s, "\n"s, "\r"s, ";"s, "a"s, "."s, "\xFF"s, " "s, "\xC3\xA9"s, "mx: a\n"s, "a:b\n"s, "x=1;"s,
        ":\n"s, "Mode: enforce\n"s, "mx:*.\n"s, "a@"s, "%41"s, ","s}) {
    std::string text;
    while (text.size() < kSize) {
      text += unit;
    }
    for (const std::string& head : {""s, "v=STSv1;"s, "v=TLSRPTv1;rua="s, "version: STSv1\n"s}) {
      feed(head + text);
    }
  }
  const auto took = std::chrono::steady_clock::now() - start;
  CHECK(took < std::chrono::seconds(120));
  MESSAGE("took ", std::chrono::duration_cast<std::chrono::milliseconds>(took).count(), " ms");
}
