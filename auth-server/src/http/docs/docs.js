"use strict";

// Swagger UI has both faces, and leaves the choice to its host.
const dark = matchMedia("(prefers-color-scheme: dark)");
const followTheSystem = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followTheSystem);
followTheSystem();

SwaggerUIBundle({
  dom_id: "#page",
  url: "openapi.json",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  // Tokens stay in the memory of the page and are gone with it.
  persistAuthorization: false,
  // No validator elsewhere is asked, and no address in the query chooses another description.
  validatorUrl: null,
  queryConfigEnabled: false,
});
