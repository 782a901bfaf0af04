"""Submission by Python's smtplib. Arguments: CERTIFICATE STARTTLS_PORT IMPLICIT_PORT PASSWORD.
Prints one line for each thing that worked; any exception is a failure."""

import smtplib
import ssl
import sys
from email.message import EmailMessage

certificate, starttls_port, implicit_port, password = sys.argv[1:5]
context = ssl.create_default_context(cafile=certificate)
context.check_hostname = False


def message(subject, body="text"):
    made = EmailMessage()
    made["From"] = "alice@example.com"
    made["To"] = "bob@example.com"
    made["Subject"] = subject
    made.set_content(body)
    return made


def login(client, mechanism):
    """Exactly this mechanism: smtplib itself would take the first that works."""
    client.user, client.password = "alice@example.com", password
    client.auth(mechanism, getattr(client, "auth_" + mechanism.lower()), initial_response_ok=mechanism == "PLAIN")


for mechanism in ("PLAIN", "LOGIN"):
    with smtplib.SMTP("127.0.0.1", int(starttls_port)) as client:
        client.ehlo("client.example.org")
        client.starttls(context=context)
        client.ehlo("client.example.org")
        login(client, mechanism)
        client.send_message(message(f"smtplib STARTTLS {mechanism}"))
        print(f"STARTTLS {mechanism}")

with smtplib.SMTP_SSL("127.0.0.1", int(implicit_port), context=context) as client:
    client.login("alice@example.com", password)
    client.send_message(message("smtplib implicit TLS"))
    print("implicit TLS")

    utf8 = message("smtplib Grüße")
    del utf8["To"]
    utf8["To"] = "grün@example.com"
    client.send_message(utf8, to_addrs=["grün@example.com"])
    print("SMTPUTF8")

    eight = b"From: alice@example.com\r\nTo: bob@example.com\r\nSubject: smtplib 8BITMIME\r\n"
    eight += b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    eight += b"Content-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n.dot\r\n"
    client.sendmail("alice@example.com", ["bob@example.com"], eight, mail_options=["BODY=8BITMIME"])
    print("8BITMIME")

    try:
        client.sendmail("alice@example.com", ["nobody-here@example.com"], eight)
        raise SystemExit("an unknown user was accepted")
    except smtplib.SMTPRecipientsRefused as refused:
        assert refused.recipients["nobody-here@example.com"][0] == 550, refused.recipients
        print("unknown user refused")
