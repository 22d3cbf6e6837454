// What a report comes packed in: gzip, zip and mail, and those that are meant to hurt.
#include <doctest/doctest.h>
#include <zlib.h>

#include <string>

#include "checks/facts/text.h"
#include "checks/reports/read.h"

using namespace stswatch;
using reports::Reading;
using Parse = Reading::Parse;

namespace {

const std::string kReport =
    R"({"organization-name":"Sender","report-id":"r1","date-range":{"start-datetime":"2026-01-01T00:00:00Z",)"
    R"("end-datetime":"2026-01-01T23:59:59Z"},"policies":[{"policy":{"policy-type":"no-policy-found"},)"
    R"("summary":{"total-successful-session-count":3}}]})";

std::string gzipped(const std::string& text) {
  z_stream z{};
  REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&z, text.size()), '\0');
  std::string in = text;
  z.next_in = reinterpret_cast<Bytef*>(in.data());
  z.avail_in = static_cast<uInt>(in.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string number(std::uint32_t value, int octets) {
  std::string out;
  for (int i = 0; i < octets; ++i)
    out += static_cast<char>(value >> (8 * i) & 0xFFU);
  return out;
}

struct Zip {
  std::string local{}, central{};
  std::uint32_t count = 0;
  std::string file() const {
    return local + central + "PK\x05\x06" + number(0, 4) + number(count, 2) + number(count, 2) +
           number(static_cast<std::uint32_t>(central.size()), 4) +
           number(static_cast<std::uint32_t>(local.size()), 4) + number(0, 2);
  }
};

/// With one more stored member. APPNOTE 4.3.
Zip with(Zip zip, const std::string& name, const std::string& data, bool good = true) {
  const auto crc = static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size())));
  const auto size = static_cast<std::uint32_t>(data.size()), length = static_cast<std::uint32_t>(name.size());
  const std::string fields = number(20, 2) + number(0, 2) + number(0, 2) + number(0, 4) +
                             number(good ? crc : crc + 1, 4) + number(size, 4) + number(size, 4) +
                             number(length, 2) + number(0, 2);
  zip.central += "PK\x01\x02" + number(20, 2) + fields + number(0, 2) + number(0, 2) + number(0, 2) +
                 number(0, 4) + number(static_cast<std::uint32_t>(zip.local.size()), 4) + name;
  zip.local += "PK\x03\x04" + fields + name + data;
  ++zip.count;
  return zip;
}

std::string zipped(const std::string& name, const std::string& data, bool good = true) {
  return with({}, name, data, good).file();
}

/// "r1" for the report-id, another in its place.
std::string with_id(const std::string& id) {
  auto out = kReport;
  return out.replace(out.find("r1"), 2, id);
}

/// The ids of all that could be read, in order.
std::string ids(const Reading& reading) {
  std::string out = reading.parse == Parse::ok ? reading.report.report_id : "-";
  for (const auto& each : reading.further)
    out += ' ' + (each.parse == Parse::ok ? each.report.report_id : "-");
  return out;
}

std::string base64(const std::string& octets) {
  std::string out = to_base64(octets);
  for (std::size_t at = 76; at < out.size(); at += 77)
    out.insert(at, "\n");
  return out;
}

std::string mail(const std::string& type, const std::string& name, const std::string& body,
                 const std::string& more = "") {
  return "From: Reports <noreply@mail.sender.example>\nSubject: Report Domain: example.com\n"
         "TLS-Report-Domain: Example.com\nTLS-Report-Submitter: sender.example\n" +
         more +
         "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=\"tlsrpt\"; boundary=b\n\n"
         "--b\nContent-Type: text/plain\n\nA report.\n--b\nContent-Type: " +
         type + "\nContent-Disposition: attachment; filename=\"" + name +
         "\"\nContent-Transfer-Encoding: base64\n\n" + base64(body) + "\n--b--\n";
}

Reading read(const std::string& octets) { return reports::read_tls_report(octets, {}); }

}  // namespace

TEST_CASE("a report is read out of whatever it is packed in, whatever it calls itself") {
  const auto zip = zipped("r.json", kReport);
  for (const auto& octets : {kReport, gzipped(kReport), zip, zipped("r.json.gz", gzipped(kReport)),
                             gzipped(kReport) + std::string(8, '\0')}) {
    const auto reading = read(octets);
    CHECK_MESSAGE(reading.parse == Parse::ok, reading.why);
    CHECK(reading.report.organization == "Sender");
  }
  CHECK(reports::read_tls_report(gzipped(kReport), {.media_type = "application/tlsrpt+json"}).parse ==
        Parse::ok);
}

TEST_CASE("each report of a file or mail that carries several, and what lies beside them is none") {
  const auto three = with(with(with({}, "a.json", with_id("a")), "b.json.gz", gzipped(with_id("b"))),
                          "c.json", with_id("c"));
  CHECK(ids(read(three.file())) == "a b c");
  CHECK(ids(read(gzipped(three.file()))) == "a b c");
  const auto noise = with(with({}, "readme.txt", "see inside"), "__MACOSX/._a.json", "\0\5\26\7");
  CHECK(ids(read(with(noise, "a.json", with_id("a")).file())) == "a");
  CHECK(read(noise.file()).why == "a zip file without a report in it");
  // What was meant as one and cannot be read is not gone in silence.
  const auto half = read(with(with({}, "a.json", "{"), "b.json", with_id("b")).file());
  CHECK(ids(half) == "b -");
  CHECK_FALSE(half.further[0].why.empty());
  auto two = mail("application/tlsrpt+gzip", "s!example.com!1!2.json.gz", gzipped(with_id("a")));
  two.insert(two.rfind("--b--"),
             "--b\nContent-Type: application/tlsrpt+gzip\nContent-Transfer-Encoding: base64\n\n" +
                 base64(gzipped(with_id("b"))) + "\n");
  const auto carried = read(two);
  CHECK(ids(carried) == "a b");
  REQUIRE(carried.further.size() == 1);
  CHECK(carried.further[0].about == "example.com");
  CHECK(carried.further[0].mail->from_domain == "mail.sender.example");
}

TEST_CASE("all of a file together unpacks to no more than the bound, and a file has so many members") {
  const auto part = "{" + std::string(4U << 20U, ' ');
  Zip large, many;
  for (int i = 0; i < 3; ++i)
    large = with(std::move(large), std::to_string(i) + ".json.gz", gzipped(part));
  CHECK(read(large.file()).further.size() == 2);
  const auto all = read(large.file());
  CHECK(all.further[1].why.find("unpacks to more than") == 0);
  for (int i = 0; i < 17; ++i)
    many = with(std::move(many), std::to_string(i) + ".json", with_id(std::to_string(i)));
  CHECK(read(many.file()).why == "a zip file of more than 16 files and folders");
}

TEST_CASE("in a mail, by its type or by its name") {
  for (const auto& octets :
       {mail("application/tlsrpt+gzip", "a!b!1!2.json.gz", gzipped(kReport)),
        mail("application/tlsrpt+json", "", kReport), mail("application/gzip", "x", gzipped(kReport)),
        mail("application/octet-stream", "A.JSON.GZ", gzipped(kReport)),
        mail("application/x-zip-compressed", "r.zip", zipped("r.json", kReport))}) {
    const auto reading = read(octets);
    CHECK_MESSAGE(reading.parse == Parse::ok, reading.why);
    CHECK(reading.about == "example.com");
    REQUIRE(reading.mail);
    CHECK(reading.mail->from_domain == "mail.sender.example");
    CHECK(reading.mail->submitter == "sender.example");
  }
}

TEST_CASE("a mail without a report is told from one whose report cannot be read") {
  CHECK(read(mail("image/png", "x.png", "nothing")).parse == Parse::no_report);
  CHECK(read("Subject: hello\n\nhow are you?\n").parse == Parse::no_report);
  CHECK(read(mail("application/tlsrpt+gzip", "x.json.gz", "no gzip")).parse == Parse::reject);
}

TEST_CASE("the name of the file says the domain where nothing else does (RFC 8460 §5.1)") {
  const auto reading =
      reports::read_tls_report(kReport, {.file_name = "/m/sender.example!Example.com!1!2!x.json"});
  CHECK(reading.about == "example.com");
}

TEST_CASE("what is damaged is refused, and never read in part") {
  auto gz = gzipped(kReport);
  CHECK(read(gz.substr(0, gz.size() - 1)).parse == Parse::reject);  // the length is not whole
  gz[gz.size() - 6] ^= 1;                                           // nor does the checksum fit
  CHECK(read(gz).parse == Parse::reject);
  CHECK(read(zipped("r.json", kReport, false)).parse == Parse::reject);
  CHECK(read(zipped("r.json", kReport).substr(0, 60)).parse == Parse::reject);
  CHECK(read("").parse == Parse::reject);
}

TEST_CASE("a bomb costs no more than its bound") {
  const auto bomb = gzipped(std::string(64U << 20U, ' '));
  REQUIRE(bomb.size() < 100'000);
  CHECK(read(bomb).why.find("unpacks to more than") == 0);
  CHECK(read(zipped("r.json.gz", bomb)).parse == Parse::reject);
  CHECK(read(mail("application/tlsrpt+gzip", "x.json.gz", bomb)).parse == Parse::reject);
  auto layered = kReport;
  for (std::size_t i = 0; i <= reports::kLayers; ++i)
    layered = gzipped(layered);
  CHECK(read(layered).why.find("packed more than") == 0);
  // As large as it may be, and one octet more.
  const auto padded = [](std::size_t size) { return kReport + std::string(size - kReport.size(), ' '); };
  CHECK(read(gzipped(padded(reports::kUnpacked))).parse == Parse::ok);
  CHECK(read(gzipped(padded(reports::kUnpacked + 1))).why.find("unpacks to more than") == 0);
  CHECK(read(padded(reports::kUnpacked + 1)).why == "longer than 10485760 octets");
  CHECK(read(std::string(reports::kPacked + 1, ' ')).why == "longer than 16777216 octets");
  CHECK(reports::gunzipped(gzipped("12345"), 5).value() == "12345");
  CHECK(!reports::gunzipped(gzipped("123456"), 5));
}

TEST_CASE("nesting and numbers of values are bounded before anything is built of them") {
  const std::string deep(1'000'000, '[');
  CHECK(read("{\"x\":" + deep).why.find("nested deeper") == 0);
  std::string many = "[0";
  for (std::size_t i = 0; i <= reports::kValues; ++i)
    many += ",0";
  CHECK(read("{\"x\":" + many + "]}").why.find("more than") == 0);
  // Brackets in a text are no nesting.
  auto quoted = kReport;
  quoted.insert(1, "\"x\":\"" + std::string(1000, '[') + "\\\"\",");
  CHECK(read(quoted).parse == Parse::ok);
}

TEST_CASE("what nobody reads is not built, whatever it is") {
  auto odd = kReport;
  odd.insert(
      1,
      R"("x":[{"policies":[{"policy":1}],"failure-details":[1]},[[]],null,1.5,"y"],"x":{"x":{"policies":[]}},)");
  odd.insert(odd.find(R"("policy":{)"), R"("extra":[1,{"failure-details":[2]}],)");
  const auto plain = reports::read_report_json(kReport), with = reports::read_report_json(odd);
  REQUIRE(plain);
  REQUIRE_MESSAGE(with, with.error());
  CHECK(*plain == *with);
  // Under a name that is read, too, there is a bound.
  std::string many = "[0";
  for (int i = 0; i < 30'000; ++i)
    many += ",0";
  CHECK(
      reports::read_report_json("{\"contact-info\":" + many + "]}").error().find("more than 20000 values") ==
      0);
}

TEST_CASE("rows beyond the bound are summed up by what is counted, policies beyond theirs are refused") {
  const auto reported = [](const std::string& policies) {
    auto out = kReport;
    const std::string begin = R"("policies":[)";
    const auto at = out.find(begin) + begin.size();
    return out.replace(at, out.rfind(']') - at, policies);
  };
  const std::string policy = R"({"policy":{"policy-type":"sts"},"failure-details":[)";
  const auto row = [](const std::string& type, std::size_t i) {
    return R"({"result-type":")" + type + R"(","failed-session-count":2,"receiving-mx-hostname":"mx)" +
           std::to_string(i) + "\"}";
  };
  std::string rows;
  for (std::size_t i = 0; i < reports::kRows; ++i)
    rows += row("certificate-expired", i) + ",";
  const auto at_bound = reports::read_report_json(reported(policy + rows + row("made-up", 0) + "]}"));
  REQUIRE_MESSAGE(at_bound, at_bound.error());
  const auto& few = at_bound->policies.at(0).failures;
  REQUIRE(few.size() == reports::kRows + 1);
  CHECK(few.at(0).mx == "mx0");
  CHECK(few.back().result_type == "other");
  CHECK(few.back().sessions == 2);
  const auto more = reports::read_report_json(
      reported(policy + rows + rows + row("made-up", 0) + "]}," + policy + row("made-up", 1) + "]}"));
  REQUIRE_MESSAGE(more, more.error());
  REQUIRE(more->policies.size() == 2);
  const auto& many = more->policies[0].failures;
  REQUIRE(many.size() == reports::kRows + 2);
  std::uint64_t expired = 0;
  for (const auto& failure : many)
    expired += failure.result_type == "certificate-expired" ? failure.sessions : 0;
  CHECK(expired == 2 * 2 * reports::kRows);
  CHECK(more->policies[1].failures.size() == 1);
  std::string crowd;
  for (std::size_t i = 0; i < reports::kPolicies; ++i)
    crowd += (i == 0 ? "" : ",") + policy + "]}";
  CHECK(reports::read_report_json(reported(crowd)));
  CHECK(reports::read_report_json(reported(crowd + "," + policy + "]}"))
            .error()
            .find("more than 1000 policies") == 0);
}

TEST_CASE("of two members of one name the last is meant") {
  auto twice = kReport;
  twice.insert(twice.find(R"("policies")"), R"("policies":[{"policy":{"policy-type":"sts"}}],)");
  const auto read_twice = reports::read_report_json(twice), once = reports::read_report_json(kReport);
  REQUIRE(read_twice);
  CHECK(*read_twice == *once);
  for (const char* wrong : {R"({"policies":[1]})", R"({"policies":[[]]})", R"({"policies":[null]})"})
    CHECK(reports::read_report_json(wrong).error() == "policies holds something that is no object");
  CHECK(reports::read_report_json(R"({"policies":[{"failure-details":["x"]}]})").error() ==
        "failure-details holds something that is no object");
}

TEST_CASE("a mail nested without end is read to its bound") {
  std::string mime = "Subject: x\n";
  for (int i = 0; i < 20'000; ++i) {
    const auto b = std::to_string(i);
    mime += "Content-Type: multipart/mixed; boundary=b" + b + "\n\n--b" + b + "\n";
  }
  CHECK(read(mime + "Content-Type: application/tlsrpt+json\n\n" + kReport).parse == Parse::no_report);
}

TEST_CASE("of a mail a hundred parts are read, and what comes behind them is not") {
  const auto behind = [](int others) {  // and the whole is a part of its own
    std::string mime = "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n";
    for (int i = 0; i < others; ++i)
      mime += "--b\nContent-Type: text/plain\n\nx\n";
    return read(mime + "--b\nContent-Type: application/tlsrpt+json\n\n" + kReport + "\n--b--\n").parse;
  };
  CHECK(behind(98) == Parse::ok);
  CHECK(behind(99) == Parse::no_report);
}

TEST_CASE("whose signature the operator's own MTA found good (RFC 8601)") {
  const auto signers = [](const std::string& value) {
    return reports::read_authentication_results(value, "mx.own.example").signers;
  };
  using Domains = std::vector<std::string>;
  CHECK(signers("mx.own.example; dkim=pass header.d=Sender.example") == Domains{"sender.example"});
  CHECK(signers(
            "mx.own.example 1; spf=pass; dkim=pass (2048-bit key; x) header.i=@sender.example header.s=s") ==
        Domains{"sender.example"});
  CHECK(signers("mx.own.example; dkim=fail header.d=sender.example; dkim=pass header.d=b.example") ==
        Domains{"b.example"});
  CHECK(signers("mx.foreign.example; dkim=pass header.d=sender.example").empty());
  CHECK(signers("mx.own.example; none").empty());
  // A comment or a quoted text is not what it says.
  CHECK(signers("mx.own.example; spf=fail (; dkim=pass header.d=sender.example)").empty());
  CHECK(signers("mx.own.example; spf=fail smtp.mailfrom=\"; dkim=pass header.d=sender.example\"").empty());
}

TEST_CASE("a mail is authenticated by its own domain's signature only (RFC 8460 §3)") {
  const auto authenticated = [](const std::string& signer) {
    const auto octets = mail("application/tlsrpt+json", "", kReport,
                             "Authentication-Results: mx.own.example;\n dkim=pass header.d=" + signer + "\n");
    const auto reading = reports::read_tls_report(octets, {.authserv_id = "mx.own.example"});
    REQUIRE(reading.mail);
    CHECK(reading.mail->verified_here);
    return reading.mail->authenticated();
  };
  CHECK(authenticated("sender.example"));
  CHECK(authenticated("mail.sender.example"));
  CHECK(!authenticated("esender.example"));
  CHECK(!authenticated("example"));
  CHECK(!authenticated("other.example"));
}
