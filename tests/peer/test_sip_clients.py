"""baresip as a person's own client: registers at our line door, chats with XMPP people."""
from harness.baresip import Baresip
from harness.people import DOMAIN, Box
from harness.place import Failed


class BaresipClient(Box):
    how, port = "tcp", 5070

    @classmethod
    def build(cls):
        cls.count = 0
        # COMPAT: baresip 1.0 knows no digest but MD5.
        cls.gh = cls.gatehouse(DOMAIN, line=True, settings=["set line digest both", "set line expires-min 10"])
        cls.gh.start()

    def phone(self, user, contact, **options):
        return Baresip(self.place, user, DOMAIN, "%s:%d" % (self.gh.addr, self.port), self.how,
                       contacts=["sip:%s@%s" % (contact, DOMAIN)], ca=self.pki.ca, **options).start()

    def test_message_both_ways(self):
        romeo, juliet = self.people("romeo", "juliet")
        j = self.client(juliet, "balcony")
        b = self.phone(romeo, juliet)
        b.registered()
        b.message("from my phone")
        got = j.wait_body("from my phone")
        self.assertTrue(got.get("from").startswith("%s@%s" % (romeo, DOMAIN)))
        j.message("%s@%s" % (romeo, DOMAIN), "from the balcony")
        b.wait_message("from the balcony")
        b.stop()

    def test_two_phones(self):
        romeo, juliet = self.people("romeo", "juliet")
        a, b = self.phone(romeo, juliet), self.phone(juliet, romeo)
        a.registered()
        b.registered()
        a.message("phone to phone")
        b.wait_message("phone to phone")
        b.message("and back")
        a.wait_message("and back")
        a.stop()
        b.stop()

    def test_wrong_password(self):
        romeo, juliet = self.people("romeo", "juliet")
        b = self.phone(romeo, juliet, password="wrong")
        with self.assertRaises(Failed):
            b.registered(4)
        b.stop()

    def test_gh_line_restarts(self):
        romeo, juliet = self.people("romeo", "juliet")
        j = self.client(juliet, "balcony")
        b = self.phone(romeo, juliet, interval=10)
        b.registered()
        self.gh.kill("gh-line")
        b.registered_again()
        j.message("%s@%s" % (romeo, DOMAIN), "after the restart")
        b.wait_message("after the restart", 10)
        b.stop()


class BaresipUdp(BaresipClient):
    how = "udp"


class BaresipTls(BaresipClient):
    how, port = "tls", 5071
