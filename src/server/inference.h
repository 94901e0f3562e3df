/* SPDX-License-Identifier: Apache-2.0
 *
 * The Open Inference Protocol, version 2 (KServe, Triton, MLServer): handlers of the /v2 routes.  Errors have its shape,
 * {"error": "..."}. */
#ifndef FIRN_SERVER_INFERENCE_H
#define FIRN_SERVER_INFERENCE_H

#include "server/api.h"

/* Handlers (api.h); params[0] is the model, params[1] the version when the route has one. */
bool inference_server(struct app *app, struct api_request *req, struct api_answer *answer,
                      struct json_writer *w, struct error *err);
bool inference_live(struct app *app, struct api_request *req, struct api_answer *answer,
                    struct json_writer *w, struct error *err);
bool inference_ready(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err);
bool inference_model(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err);
bool inference_model_ready(struct app *app, struct api_request *req, struct api_answer *answer,
                           struct json_writer *w, struct error *err);
bool inference_infer(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err);

#endif
