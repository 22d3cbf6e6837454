#include "checks/facts/tlsrpt_record.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace stswatch;
using namespace std::string_literals;
using Strings = std::vector<std::string>;

namespace {

TlsrptReading read(const Strings& records) {
  std::vector<TxtRecord> out;
  for (const std::string& r : records) {
    out.push_back({{r}});
  }
  return read_tlsrpt_records(out);
}

struct TlsrptRecords {
  std::string why;
  Strings records;
  TlsrptReading::Verdict verdict;
  std::vector<TlsrptFault> faults;
};

void check_tlsrpt_records(const std::vector<TlsrptRecords>& rows) {
  for (const TlsrptRecords& row : rows) {
    CAPTURE(row.why);
    const TlsrptReading r = read(row.records);
    std::vector<TlsrptFault> seen;
    for (const auto& d : r.departures) {
      seen.push_back(d.fault);
    }
    CHECK(static_cast<int>(r.verdict) == static_cast<int>(row.verdict));
    CHECK(seen == row.faults);
    CHECK(r.usable() != r.rua.empty());
  }
}

}  // namespace

TEST_CASE("tlsrpt record: RFC 8460 §3") {
  using Fault = TlsrptFault;
  using Verdict = TlsrptReading::Verdict;
  const std::string v = "v=TLSRPTv1; ";
  check_tlsrpt_records({
      {"mailto", {v + "rua=mailto:a@example.com"}, Verdict::valid, {}},
      {"final delimiter with white space", {v + "rua=mailto:a@example.com ; "}, Verdict::valid, {}},
      {"list with *WSP around the comma",
       {v + "rua=mailto:a@example.com\t, https://example.com"},
       Verdict::valid,
       {}},
      {"two rua fields: no duplicate rule",
       {v + "rua=mailto:a@example.com; rua=https://example.com/"},
       Verdict::valid,
       {}},
      {"extension", {v + "rua=mailto:a@example.com; x=y"}, Verdict::valid, {}},
      {"*WSP before the delimiter", {"v=TLSRPTv1 ;rua=mailto:a@example.com"}, Verdict::valid, {}},
      {"strangers are discarded", {"x", v + "rua=mailto:a@example.com"}, Verdict::valid, {}},
      {"other scheme", {v + "rua=http://example.com"}, Verdict::valid, {Fault::rua_scheme}},
      {"no address behind mailto", {v + "rua=mailto:"}, Verdict::valid, {Fault::rua_scheme}},
      {"bare address", {v + "rua=a@example.com"}, Verdict::invalid, {Fault::rua_scheme}},
      {"second address bare",
       {v + "rua=mailto:a@example.com,b@example.com"},
       Verdict::invalid,
       {Fault::rua_scheme}},
      {"comma inside a URI", {v + "rua=https://example.com/a,b"}, Verdict::invalid, {Fault::rua_encoding}},
      {"semicolon inside a URI",
       {v + "rua=https://example.com/a;b"},
       Verdict::invalid,
       {Fault::rua_encoding}},
      {"size suffix", {v + "rua=mailto:a@example.com!10m"}, Verdict::invalid, {Fault::rua_encoding}},
      {"blank inside a URI", {v + "rua=https://example.com/a b"}, Verdict::invalid, {Fault::rua_encoding}},
      {"separated by a blank",
       {v + "rua=mailto:a@example.com mailto:b@example.com"},
       Verdict::invalid,
       {Fault::rua_encoding}},
      {"empty URI", {v + "rua=mailto:a@example.com,"}, Verdict::invalid, {Fault::syntax}},
      {"bad percent-encoding", {v + "rua=https://example.com/%zz"}, Verdict::invalid, {Fault::syntax}},
      {"quoted", {v + "rua=\"mailto:a@example.com\""}, Verdict::invalid, {Fault::syntax}},
      {"no rua", {v + "x=y"}, Verdict::invalid, {Fault::rua_missing}},
      {"%s: names are case-sensitive", {v + "RUA=mailto:a"}, Verdict::invalid, {Fault::rua_missing}},
      {"empty rua", {v + "rua="}, Verdict::invalid, {Fault::rua_missing}},
      {"white space at the end", {v + "rua=mailto:a@example.com "}, Verdict::invalid, {Fault::syntax}},
      {"empty field", {v + "; rua=mailto:a@example.com"}, Verdict::invalid, {Fault::syntax}},
      {"not ASCII", {v + "rua=mailto:a@\xC3\xBC.example"}, Verdict::invalid, {Fault::syntax}},
      {"two", {v + "rua=mailto:a@example.com", v}, Verdict::invalid, {Fault::multiple}},
      {"version in other case", {"v=TLSRPTV1; rua=mailto:a@example.com"}, Verdict::none, {Fault::syntax}},
      {"version 10", {"v=TLSRPTv10; rua=mailto:a@example.com"}, Verdict::none, {Fault::syntax}},
      {"no delimiter", {"v=TLSRPTv1 rua=mailto:a@example.com"}, Verdict::invalid, {Fault::syntax}},
      {"strangers only", {"v=spf1 -all"}, Verdict::none, {}},
      {"nothing", {}, Verdict::none, {}},
  });
}

TEST_CASE("tlsrpt record: URI of RFC 3986, and what a reporter can use") {
  struct Uri {
    std::string text;
    bool valid;
    bool usable;
  };
  const std::vector<Uri> rows{
      {"https://example.com", true, true},
      {"HTTPS://example.com/", true, true},
      {"https://u:p@example.com:8443/a//b/?q=/?#f/?", true, true},
      {"https://[2001:db8::1]:443/", true, true},
      {"https://192.0.2.1/", true, true},
      {"https://example.com:/", true, true},
      {"https://%65xample.com/", true, true},
      {"https://example.com:70000/", true, false},
      {"https://example.com:0/", true, false},
      {"https:///path", true, false},
      {"https://", true, false},
      {"https:example.com", true, false},
      {"https://a..b/", true, false},
      {"https://example.com:x/", false, false},
      {"https://[2001:db8::1/", false, false},
      {"https://[192.0.2.1]/", false, false},
      {"https://[v1.fe:80]/", true, true},
      {"https://a@b@c/", false, false},
      {"https://example.com/#a#b", false, false},
      {"https://example.com/[", false, false},
      {"1http://example.com", false, false},
      {"mailto:a.b+c@example.com", true, true},
      {"MAILTO:a@example.com", true, true},
      {"mailto:a@example.com?subject=x%20y", true, true},
      {"mailto:a%2Cb@example.com", true, false},
      {"mailto:a@example.com%2Cb@example.net", true, true},
      {"mailto:%22a%20b%22@example.com", true, true},
      {"mailto:a@", true, false},
      {"mailto:@example.com", true, false},
      {"mailto:a%0Ab@example.com", true, false},
      {"mailto:a@exa_mple.com", true, false},
      {"mailto://a@example.com", true, false},
      {"mailto:a@m%C3%BCnchen.example", true, true},
      {"urn:example:x", true, false},
  };
  for (const Uri& row : rows) {
    CAPTURE(row.text);
    const TlsrptReading r = read({"v=TLSRPTv1;rua=" + row.text});
    CHECK(r.usable() == row.valid);
    CHECK(r.deliverable == (row.usable ? Strings{row.text} : Strings{}));
  }
}
