"use strict";

// Swagger UI has both faces, and leaves the choice to its host.
const dark = matchMedia("(prefers-color-scheme: dark)");
const followTheSystem = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followTheSystem);
followTheSystem();

// By password is how people begin, so it comes first in the dialog. The cookie is sent by the browser itself, and no page can set it.
const prepare = (description) => {
  const { password, refresh_cookie, ...others } = description.components.securitySchemes;
  description.components.securitySchemes = { password, ...others };
  for (const item of Object.values(description.paths)) {
    for (const operation of Object.values(item)) {
      if (Array.isArray(operation.security)) {
        operation.security = operation.security.filter((way) => !("refresh_cookie" in way));
      }
    }
  }
  return { spec: description };
};

const show = (description) => SwaggerUIBundle({
  dom_id: "#page",
  ...description,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  // Tokens stay in the memory of the page and are gone with it.
  persistAuthorization: false,
  // No validator elsewhere is asked, and no address in the query chooses another description.
  validatorUrl: null,
  queryConfigEnabled: false,
});

fetch("openapi.json").then((answer) => answer.json()).then(prepare).catch(() => ({ url: "openapi.json" })).then(show);
