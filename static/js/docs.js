// Swagger UI over the API's own description. It reads and shows; "Try it out" works with the reader's session.
const holder = document.getElementById("reference");

window.SwaggerUIBundle({
  url: holder.dataset.document,
  domNode: holder,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
  validatorUrl: null,
  requestInterceptor: (request) => {
    request.headers["X-CSRF-Token"] = document.querySelector("meta[name=csrf-token]").content;
    return request;
  },
});
