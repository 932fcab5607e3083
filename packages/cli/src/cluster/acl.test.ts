import { aclRules } from "@escapement/core";
import { redisWay, startJobStore, uniqueNamespace } from "@escapement/testing";
import { expect, test } from "vitest";
import { asJson, escapement, partitions } from "../../test/escapement.js";

test.skipIf(redisWay() === "url")(
  "escapement acl prints a line that makes a user, who can do what the role says and no more",
  async () => {
    await using redis = await startJobStore();
    const [admins, namespace] = [redis.servers.map((one) => one.client()), uniqueNamespace("cli")];
    for (const role of ["client", "observer"]) {
      const said = await escapement(["acl", role, "--namespace", namespace], {});
      expect(said).toMatchObject({ code: 0, err: "" });
      const [acl, setuser, user = "", ...rules] = said.out.split(" ");
      expect([acl, setuser, user]).toEqual(["ACL", "SETUSER", `${namespace}-${role}`]);
      for (const admin of admins) {
        await admin.acl("SETUSER", user, ...rules);
        // Without a password and off, nobody is that user yet.
        const [, flags, , passwords] = (await admin.call("ACL", "GETUSER", user)) as [
          string,
          string[],
          string,
          string[],
        ];
        expect(flags).toContain("off");
        expect(passwords).toEqual([]);
        await admin.acl("SETUSER", user, "on", ">pass");
      }
    }
    const asked = await asJson(["acl", "operator", "--namespace", namespace, "--user", "oncall"], {});
    expect(asked).toEqual({ user: "oncall", rules: aclRules({ namespace, role: "operator", partitions }) });
    const env = { ESCAPEMENT_NAMESPACE: namespace };
    const as = (role: string): Record<string, string> => ({
      ...env,
      ESCAPEMENT_REDIS_URL: redis.url.replace("://", `://${namespace}-${role}:pass@`),
    });
    expect((await escapement(["job", "add", "a", "--task", "t", "--every", "1h"], as("client"))).code).toBe(
      0,
    );
    expect((await escapement(["job", "show", "a"], as("observer"))).code).toBe(0);
    const refused = await escapement(["job", "remove", "a", "--yes"], as("observer"));
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/refused/) });
    expect(refused.err).not.toContain("pass@");
  },
);

test("what cannot be a user's name is refused: it would be more than a word of the line", async () => {
  const said = await escapement(["acl", "node", "--user", "a\nFLUSHALL"], {});
  expect(said).toMatchObject({ code: 2, out: "" });
});
