// What every page gains where scripts run: times that go on, text to copy, changes as they happen.
import { keepTimes } from "./times.js";
import { offerCopies } from "./copies.js";
import { follow } from "./live.js";

keepTimes();
offerCopies();
follow();
