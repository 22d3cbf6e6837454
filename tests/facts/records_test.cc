#include "checks/facts/records.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace stswatch;
using namespace std::string_literals;

namespace {

std::vector<TxtRecord> txt(const std::vector<std::string>& records) {
  std::vector<TxtRecord> out;
  for (const std::string& r : records) {
    out.push_back({{r}});
  }
  return out;
}

struct StsRecords {
  std::string why;
  std::vector<std::string> records;
  StsRecordReading::Verdict verdict;
  std::string id;
  std::vector<StsRecordFault> faults;  // all of them, in order
};

std::vector<StsRecordFault> faults(const StsRecordReading& r) {
  std::vector<StsRecordFault> out;
  for (const auto& d : r.departures) {
    out.push_back(d.fault);
  }
  return out;
}

void check_sts_records(const std::vector<StsRecords>& rows) {
  for (const StsRecords& row : rows) {
    CAPTURE(row.why);
    const StsRecordReading r = read_sts_records(txt(row.records));
    for (const auto& d : r.departures) {
      INFO(d.detail);
    }
    CHECK(static_cast<int>(r.verdict) == static_cast<int>(row.verdict));
    CHECK(r.id == row.id);
    CHECK(faults(r) == row.faults);
  }
}

}  // namespace

TEST_CASE("sts record: what the grammar of RFC 8461 §3.1 allows") {
  using Fault = StsRecordFault;
  using Verdict = StsRecordReading::Verdict;
  check_sts_records({
      {"the RFC's example", {"v=STSv1; id=20160831085700Z;"}, Verdict::valid, "20160831085700Z", {}},
      {"no final delimiter", {"v=STSv1; id=a"}, Verdict::valid, "a", {}},
      {"no white space at all", {"v=STSv1;id=a"}, Verdict::valid, "a", {}},
      {"*WSP on both sides of a delimiter", {"v=STSv1;\t \tid=a \t; x=y"}, Verdict::valid, "a", {}},
      {"white space behind the final delimiter is part of it", {"v=STSv1; id=a; "}, Verdict::valid, "a", {}},
      {"the order of the other fields is free", {"v=STSv1; x=y; id=a"}, Verdict::valid, "a", {}},
      {"32 characters", {"v=STSv1; id=" + std::string(32, 'Z')}, Verdict::valid, std::string(32, 'Z'), {}},
      {"extension name of 32", {"v=STSv1; id=a; " + std::string(32, 'n') + "=v"}, Verdict::valid, "a", {}},
      {"extension value with every odd sign",
       {"v=STSv1; id=a; x=!\"#$%&'()*+,-./:<>?@[\\]^_`{|}~"},
       Verdict::valid,
       "a",
       {}},
      {"first id counts (§3.2)", {"v=STSv1; id=a; id=b"}, Verdict::valid, "a", {Fault::duplicate_field}},
      {"all entries except the first are ignored (§3.2)",
       {"v=STSv1; id=a; id=-"},
       Verdict::valid,
       "a",
       {Fault::duplicate_field}},
      {"a second v is an ignored duplicate",
       {"v=STSv1; id=a; v=STSv2"},
       Verdict::valid,
       "a",
       {Fault::duplicate_field}},
      {"grammar allows WSP before the first delimiter (erratum 6285)",
       {"v=STSv1 ; id=a"},
       Verdict::valid,
       "a",
       {Fault::space_before_delimiter}},
  });
}

TEST_CASE("sts record: what it does not") {
  using Fault = StsRecordFault;
  using Verdict = StsRecordReading::Verdict;
  check_sts_records({
      {"id is required", {"v=STSv1; x=y"}, Verdict::invalid, "", {Fault::id_missing}},
      {"at least one field", {"v=STSv1;"}, Verdict::invalid, "", {Fault::id_missing}},
      {"%s: field names are case-sensitive", {"v=STSv1; ID=a"}, Verdict::invalid, "", {Fault::id_missing}},
      {"id with hyphens, kept for lenient senders",
       {"v=STSv1; id=2026-11-01"},
       Verdict::invalid,
       "2026-11-01",
       {Fault::id_invalid}},
      {"id of 33",
       {"v=STSv1; id=" + std::string(33, '1')},
       Verdict::invalid,
       std::string(33, '1'),
       {Fault::id_invalid}},
      {"empty id", {"v=STSv1; id="}, Verdict::invalid, "", {Fault::id_invalid}},
      {"a bad first id is not mended by a good second one",
       {"v=STSv1; id=-; id=a"},
       Verdict::invalid,
       "-",
       {Fault::id_invalid, Fault::duplicate_field}},
      {"empty field", {"v=STSv1;; id=a"}, Verdict::invalid, "a", {Fault::syntax}},
      {"two final delimiters", {"v=STSv1; id=a;;"}, Verdict::invalid, "a", {Fault::syntax}},
      {"field without =", {"v=STSv1; foo; id=a"}, Verdict::invalid, "a", {Fault::syntax}},
      {"missing ; between fields", {"v=STSv1; id=a x=y"}, Verdict::invalid, "a x=y", {Fault::syntax}},
      {"white space around =", {"v=STSv1; id = a"}, Verdict::invalid, "a", {Fault::syntax}},
      {"extension without value", {"v=STSv1; id=a; x="}, Verdict::invalid, "a", {Fault::syntax}},
      {"extension name of 33",
       {"v=STSv1; id=a; " + std::string(33, 'n') + "=v"},
       Verdict::invalid,
       "a",
       {Fault::syntax}},
      {"extension name begins with _", {"v=STSv1; id=a; _x=v"}, Verdict::invalid, "a", {Fault::syntax}},
      {"second = in a value", {"v=STSv1; id=a; x=="}, Verdict::invalid, "a", {Fault::syntax}},
      {"white space at the end without ;", {"v=STSv1; id=a "}, Verdict::invalid, "a", {Fault::trailing_data}},
      {"text behind the final ;", {"v=STSv1; id=a; \""}, Verdict::invalid, "a", {Fault::trailing_data}},
      {"NBSP", {"v=STSv1;\xC2\xA0id=a"}, Verdict::invalid, "", {Fault::non_ascii, Fault::id_missing}},
      {"typographic quotes",
       {"v=STSv1; id=\xE2\x80\x9C"
        "a\xE2\x80\x9D"},
       Verdict::invalid,
       "\\xE2\\x80\\x9Ca\\xE2\\x80\\x9D",
       {Fault::non_ascii}},
      {"line feed at the end", {"v=STSv1; id=a\n"}, Verdict::invalid, "a\\x0A", {Fault::non_ascii}},
      {"NUL does not end the text", {"v=STSv1; id=a\0;"s}, Verdict::invalid, "a\\x00", {Fault::non_ascii}},
      {"a lone record without ;", {"v=STSv1"}, Verdict::invalid, "", {Fault::syntax}},
      {"scenario 7", {"v=STSv1 id=1"}, Verdict::invalid, "", {Fault::syntax}},
  });
}

TEST_CASE("sts record: the discard rule of RFC 8461 §3.1") {
  using Fault = StsRecordFault;
  using Verdict = StsRecordReading::Verdict;
  check_sts_records({
      {"nothing there", {}, Verdict::none, "", {}},
      {"strangers are discarded",
       {"v=spf1 -all", "v=STSv1; id=a"},
       Verdict::valid,
       "a",
       {Fault::other_records}},
      {"only strangers", {"v=spf1 -all"}, Verdict::none, "", {Fault::other_records}},
      {"two", {"v=STSv1; id=a", "v=STSv1; id=b"}, Verdict::invalid, "", {Fault::multiple}},
      {"two and a stranger",
       {"v=STSv1; id=a", "x", "v=STSv1;"},
       Verdict::invalid,
       "",
       {Fault::other_records, Fault::multiple}},
      {"another version beside it is a stranger",
       {"v=STSv1; id=a", "v=STSv2; id=b"},
       Verdict::valid,
       "a",
       {Fault::other_records}},
      {"the spaced form is discarded beside a good one",
       {"v=STSv1 ; id=b", "v=STSv1; id=a"},
       Verdict::valid,
       "a",
       {Fault::other_records}},
      {"the spaced form is discarded beside a stranger",
       {"v=STSv1 ; id=b", "x"},
       Verdict::none,
       "",
       {Fault::space_before_delimiter, Fault::other_records}},
      {"version in lower case", {"v=stsv1; id=a"}, Verdict::none, "", {Fault::version_invalid}},
      {"key in upper case", {"V=STSv1; id=a"}, Verdict::none, "", {Fault::version_invalid}},
      {"version 2", {"v=STSv2; id=a"}, Verdict::none, "", {Fault::version_invalid}},
      {"version 10", {"v=STSv10; id=a"}, Verdict::none, "", {Fault::version_invalid}},
      {"leading space", {" v=STSv1; id=a"}, Verdict::none, "", {Fault::version_invalid}},
      {"literal quotes", {"\"v=STSv1; id=a\""}, Verdict::none, "", {Fault::version_invalid}},
      {"byte order mark", {"\xEF\xBB\xBFv=STSv1; id=a"}, Verdict::none, "", {Fault::non_ascii}},
      {"id first", {"id=a; v=STSv1"}, Verdict::none, "", {Fault::version_not_first}},
  });
}

TEST_CASE("sts record: strings are joined without spaces (RFC 8461 §3.1)") {
  const StsRecordReading r = read_sts_records({{{"v=STS", "v1; id=20", "26;"}}});
  CHECK(r.usable());
  CHECK(r.id == "2026");
}

TEST_CASE("sts record: announced in any spelling") {
  CHECK(read_sts_records(txt({"v=STSv1; id=a"})).announced());
  CHECK(read_sts_records(txt({"v=stsv1"})).announced());
  CHECK(read_sts_records(txt({"id=a; v=STSv1;"})).announced());
  CHECK(read_sts_records(txt({"v=STSv1", "x"})).announced());
  CHECK_FALSE(read_sts_records(txt({"v=spf1", ""})).announced());
  CHECK_FALSE(read_sts_records({}).announced());
}

TEST_CASE("sts record: details name octet and offset") {
  CHECK(read_sts_records(txt({"v=STSv1 id=1"})).departures.at(0).detail.find("a space at offset 7") == 0);
  CHECK(read_sts_records(txt({"v=STSv1; id=a\xC2\xA0"}))
            .departures.at(0)
            .detail.find("octet 0xC2 at offset 13") == 0);
  CHECK(read_sts_records(txt({"v=STSv1; id=a-b"})).departures.at(0).detail.find("'-' at offset 13") !=
        std::string::npos);
  CHECK(read_sts_records(txt({"v=STSv1; id=a; 1%=a"})).departures.at(0).detail.find("'%' at offset 16") == 0);
}

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
