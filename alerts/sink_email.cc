// Mail by submission to the operator's smarthost (RFC 6409).
#include "alerts/mail_message.h"
#include "alerts/sink.h"
#include "alerts/transfer.h"

namespace stswatch {
namespace {

class EmailSink : public Sink {
 public:
  EmailSink(EmailReceiver receiver, SinkOptions with)
      : receiver_(std::move(receiver)), with_(std::move(with)) {}

  SendResult send(const Notice& notice, const Notice*, const std::stop_token& stop) override {
    MailRequest mail{.smarthost = receiver_.smarthost, .tls = receiver_.tls, .username = receiver_.username};
    mail.ca_file = with_.ca_file;
    const auto from = parse_mailbox(receiver_.from);
    if (!from) return config("\"from\" is no mail address");
    mail.from = from->address;
    std::vector<Mailbox> to;
    for (const auto& text : receiver_.to) {
      const auto box = parse_mailbox(text);
      if (!box) return config("\"to\" holds what is no mail address");
      mail.to.push_back(box->address);
      to.push_back(*box);
    }
    if (!receiver_.username.empty()) {
      if (receiver_.tls == SmtpTls::none)
        return config("a password is not sent without TLS: set tls to \"starttls\" or \"implicit\"");
      auto password = read_secret(receiver_.password_file);
      if (!password) return config(password.error());
      mail.password = std::move(*password);
    }
    mail.message = to_mail(notice, receiver_.name, *from, to, with_.now());
    return submit(mail, stop);
  }

 private:
  static SendResult config(std::string what) { return {SendResult::Kind::failed, "config", std::move(what)}; }

  const EmailReceiver receiver_;
  const SinkOptions with_;
};

}  // namespace

std::unique_ptr<Sink> make_email_sink(const EmailReceiver& receiver, const SinkOptions& with) {
  return std::make_unique<EmailSink>(receiver, with);
}

}  // namespace stswatch
