// The lists of values in the contract, by their names.

protocol Choice {
  init?(_ name: Bytes)
}

extension EventType {
  /// `.other` for a name that is not listed.
  init(_ name: Bytes) {
    if name == "wizard_step_completed" {
      self = .wizardStepCompleted
    } else if name == "project_generated" {
      self = .projectGenerated
    } else if name == "model_routed" {
      self = .modelRouted
    } else if name == "stack_selected" {
      self = .stackSelected
    } else if name == "project_opened" {
      self = .projectOpened
    } else if name == "feedback_submitted" {
      self = .feedbackSubmitted
    } else if name == "prediction_computed" {
      self = .predictionComputed
    } else {
      self = Self.sent.first { type in type.name.map { name == $0 } ?? false } ?? .other
    }
  }
}

extension Sharing: Choice {
  init?(_ name: Bytes) {
    if name == "public" {
      self = .public
    } else if name == "team" {
      self = .team
    } else if name == "org" {
      self = .org
    } else if name == "none" {
      self = .none
    } else {
      return nil
    }
  }
}

extension TeamRole: Choice {
  init?(_ name: Bytes) {
    if name == "admin" {
      self = .admin
    } else if name == "member" {
      self = .member
    } else if name == "viewer" {
      self = .viewer
    } else {
      return nil
    }
  }
}

extension TaskComplexity: Choice {
  init?(_ name: Bytes) {
    if name == "simple" {
      self = .simple
    } else if name == "medium" {
      self = .medium
    } else if name == "complex" {
      self = .complex
    } else if name == "very_high" {
      self = .veryHigh
    } else {
      return nil
    }
  }
}

extension RoutingStrategy: Choice {
  init?(_ name: Bytes) {
    if name == "cost" {
      self = .cost
    } else if name == "balanced" {
      self = .balanced
    } else if name == "performance" {
      self = .performance
    } else {
      return nil
    }
  }
}

extension ErrorSeverity: Choice {
  init?(_ name: Bytes) {
    if name == "info" {
      self = .info
    } else if name == "warning" {
      self = .warning
    } else if name == "error" {
      self = .error
    } else if name == "critical" {
      self = .critical
    } else {
      return nil
    }
  }
}
