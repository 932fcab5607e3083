// Put before each process that docs/cli.md shows: the machine, the user and the process are called the same on every machine, so that the widths
// of tables, and what is cut in them, are too.
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";

const { userInfo } = os;
os.hostname = () => "desk";
os.userInfo = (options) => ({ ...userInfo(options), username: "ada" });
syncBuiltinESMExports();
Object.defineProperty(process, "pid", { value: 4711 });
