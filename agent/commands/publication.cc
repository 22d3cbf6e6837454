#include "agent/commands/saved_files.h"

#include <sstream>

namespace stswatch {
namespace {

/// Each line of the text behind these marks.
std::string commented(const std::string& text, std::string_view marks) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);)
    out += std::string(marks) + (line.empty() ? "" : " ") + line + "\n";
  return out;
}

std::string notes_of(const Publication& p, std::string_view marks) {
  std::string out;
  for (const auto& note : p.notes)
    out += commented(note, marks);
  return out;
}

/// RFC 8461 §8.1: the file first. It is not for a zone to hold.
std::string file_as_comment(const Publication& p, std::string_view marks) {
  return commented("First serve this, as text/plain, at every address of " + p.policy_url + ":", marks) +
         commented(p.policy, marks) + commented("Then publish:", marks);
}

/// RFC 1035 §5.1: quotes and backslashes are escaped; none of these texts holds more than 255 octets.
std::string quoted(const std::string& text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') out += '\\';
    out += c;
  }
  return out + quote;
}

std::string zone(const Publication& p) {
  return notes_of(p, ";") + file_as_comment(p, ";") + "_mta-sts." + p.domain + ". 3600 IN TXT " +
         quoted(p.sts_record, '"') + "\n_smtp._tls." + p.domain + ". 3600 IN TXT " +
         quoted(p.tlsrpt_record, '"') + "\n";
}

std::string dnscontrol(const Publication& p) {
  return notes_of(p, "//") + file_as_comment(p, "//") + "// inside D(\"" + p.domain +
         "\", ...)\nTXT(\"_mta-sts\", " + quoted(p.sts_record, '"') + ", TTL(3600)),\nTXT(\"_smtp._tls\", " +
         quoted(p.tlsrpt_record, '"') + ", TTL(3600)),\n";
}

std::string records_as_comment(const Publication& p) {
  return commented("When every address of mta-sts." + p.domain + " serves it, publish these records:", "#") +
         commented("_mta-sts." + p.domain + ". TXT \"" + p.sts_record + "\"", "#") +
         commented("_smtp._tls." + p.domain + ". TXT \"" + p.tlsrpt_record + "\"", "#");
}

std::string nginx(const Publication& p) {
  const std::string host = "mta-sts." + p.domain;
  std::string body;
  for (const char c : p.policy)
    body += c == '\n' ? std::string("\\n") : std::string(1, c);
  return notes_of(p, "#") + records_as_comment(p) +
         "server {\n"
         "    listen 443 ssl;\n"
         "    listen [::]:443 ssl;\n"
         "    server_name " +
         host +
         ";\n"
         "    ssl_certificate     /etc/letsencrypt/live/" +
         host +
         "/fullchain.pem;  # where yours is\n"
         "    ssl_certificate_key /etc/letsencrypt/live/" +
         host +
         "/privkey.pem;\n"
         "    location = /.well-known/mta-sts.txt {\n"
         "        default_type text/plain;\n"
         "        charset utf-8;\n"
         "        return 200 \"" +
         body +
         "\";\n"
         "    }\n"
         "    location / {\n"
         "        return 404;\n"
         "    }\n"
         "}\n";
}

/// Caddy gets the certificate by itself. A text between backquotes may hold line ends.
std::string caddy(const Publication& p) {
  return notes_of(p, "#") + records_as_comment(p) + "mta-sts." + p.domain +
         " {\n"
         "\thandle /.well-known/mta-sts.txt {\n"
         "\t\theader Content-Type \"text/plain; charset=utf-8\"\n"
         "\t\trespond `" +
         p.policy +
         "` 200\n"
         "\t}\n"
         "\thandle {\n"
         "\t\trespond 404\n"
         "\t}\n"
         "}\n";
}

}  // namespace

std::string to_paste(const Publication& publication, std::string_view format) {
  if (format == "nginx") return nginx(publication);
  if (format == "caddy") return caddy(publication);
  if (format == "dnscontrol") return dnscontrol(publication);
  return zone(publication);
}

}  // namespace stswatch
