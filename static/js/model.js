// A model's own page.

import { watchPrintForms } from "./print.js";
import { watchSlicing } from "./slicing.js";
import { showModels } from "./viewer.js";

const library = document.querySelector("script[data-viewer]").dataset.viewer;
watchPrintForms(document);
watchSlicing();
showModels(document, library);
