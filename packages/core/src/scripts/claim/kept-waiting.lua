-- Each tenth run that is looked at is one that others of higher priority, of another queue or task, have kept waiting for long: of the lane whose first has waited
-- longest. Within a lane the leader moves such runs up (age.lua). Which one is the tenth goes by the number of the request, so that those for one run have it too.
local kept_waiting = {}
do
  local APART, LONG = 10, 30000

  -- Whether it is the turn of what has waited, after so many runs of this request.
  function kept_waiting.is_next(count) return (number + count) % APART == 0 end

  -- Of some lanes, the one whose first run has waited longest, if that is long. `score_of` answers a lane's first score, or nil; `first` is the lowest of all.
  function kept_waiting.lane_of(lanes, score_of, first)
    if first < FORCED_BELOW then return nil end -- by force: before all others
    local behind, found, longest = (math.floor(first / PRIORITY) + 1) * PRIORITY, nil, now - LONG
    for _, lane in ipairs(lanes) do
      local score = score_of(lane)
      if score and score >= behind and score % PRIORITY < longest then found, longest = lane, score % PRIORITY end
    end
    return found
  end
end
